"""What every shape of a manifest's values has: it reads a node, says what it allows, and has its JSON Schema.

Reading notes every mistake and goes on; it raises `Wrong` only for the value at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from devctl.core.spec import MARK
from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence
from devctl.manifest.problems import Location, Problems, shown

T = TypeVar("T")
Schema = dict[str, Any]

INTERPOLATED: Schema = {"type": "string", "pattern": r"\$"}


class InvalidValue(Exception):
    """The value at hand cannot be used; the reason is noted already."""


class Reader(Protocol):
    """What reading a manifest needs besides its nodes."""

    problems: Problems

    def text(self, node: Scalar) -> str:
        """Return the scalar's text after interpolation, with references in it; Wrong when that fails."""
        ...

    def substitute(self, text: str) -> str:
        """Return `text` with those references replaced whose values are known already."""
        ...

    def base_of(self, node: Node) -> Path:
        """Return the folder that the paths of a node are seen from."""
        ...

    def path(self, text: str, node: Node, name: str) -> str:
        """Return the real path of something inside the project; Wrong when it lies outside."""
        ...


class Entries(dict[str, T], Generic[T]):
    """A mapping that knows where each of its keys is written, also of those whose values could not be read."""

    locations: dict[str, Location]
    written: dict[str, str]  # key → as it stands in the file, before interpolation

    def __init__(self, entries: Iterable[tuple[str, T]] = ()) -> None:
        super().__init__(entries)
        self.locations = {}
        self.written = {}


class Shape:
    """Reads one node."""

    expected = "a value"
    refers = False  # whether addresses of services may stand in it
    reads_nothing = False  # whether an empty value stands for one with all its defaults

    def read(self, node: Node, reader: Reader, name: str) -> Any:
        """Return the value of `node`; `name` is its dotted key, for messages."""
        raise NotImplementedError

    def schema(self, definitions: Schema) -> Schema:
        """Return the JSON Schema, adding what it refers to under `definitions`."""
        raise NotImplementedError

    def invalid(self, node: Node, reader: Reader, name: str, hint: str = "") -> InvalidValue:
        """Note that the node is not of this shape and return the exception to raise."""
        reader.problems.add(node.location, f"{name} must be {self.expected}, not {kind_of(node)}", hint=hint)
        return InvalidValue()

    def scalar(self, node: Node, reader: Reader, name: str) -> str:
        """Return the text of a scalar that is not null."""
        if not isinstance(node, Scalar) or node.is_null:
            raise self.invalid(node, reader, name)
        text = reader.text(node)
        if MARK not in text:
            return text
        text = reader.substitute(text)
        if MARK in text and not self.refers:
            hint = "it may stand in command, environment, healthcheck and with"
            reader.problems.add(node.location, f"{name} cannot hold the address of a service", hint=hint)
            raise InvalidValue
        return text


def kind_of(node: Node) -> str:
    """Return what a node is, in words; a text is shown as it is written, never interpolated."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    assert isinstance(node, Scalar)
    return "empty" if node.is_null or not node.text else shown(node.text)
