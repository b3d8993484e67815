"""The shapes that values of a manifest can have: each reads a node, says what it allows, and has its JSON Schema.

`shape_of` finds the shape for a type hint, so that a class with annotated fields (`model.py`, a recipe's settings)
is all there is to write. Reading notes every mistake and goes on; it raises `Wrong` only for the value at hand.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import shlex
import types
import typing
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from devctl.core.spec import MARK
from devctl.manifest.document import Mapping, Node, Scalar, Sequence
from devctl.manifest.problems import Place, Problems, shown

T = TypeVar("T")
Schema = dict[str, Any]

INTERPOLATED: Schema = {"type": "string", "pattern": r"\$"}
WORDS_FOR_FLAGS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
DURATION = r"(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|us|µs|ns|m|s))+"
DURATION_PART = r"([0-9.]+)(h|ms|us|µs|ns|m|s)"
SIZE = r"([0-9]+)\s*(|[kmgtKMGT])[iI]?[bB]?"
INTEGER = r"[-+]?[0-9]{1,18}"
FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?"
BASED = r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_.-]*"
REQUIRED = object()


class Wrong(Exception):
    """The value at hand cannot be used; the reason is noted already."""


class Reader(Protocol):
    """What reading a manifest needs besides its nodes."""

    problems: Problems

    def text(self, node: Scalar) -> str:
        """Return the scalar's text after interpolation, with references in it; Wrong when that fails."""
        ...

    def settle(self, text: str) -> str:
        """Return `text` with those references replaced whose values are known already."""
        ...

    def path(self, text: str, node: Node, name: str) -> str:
        """Return the real path of something inside the project; Wrong when it lies outside."""
        ...


class Entries(dict[str, T], Generic[T]):
    """A mapping that knows where each of its keys is written, also of those whose values could not be read."""

    places: dict[str, Place]
    written: dict[str, str]  # key → as it stands in the file, before interpolation

    def __init__(self) -> None:
        super().__init__()
        self.places = {}
        self.written = {}


class Shape:
    """Reads one node."""

    said = "a value"
    refers = False  # whether addresses of services may stand in it

    def read(self, node: Node, reader: Reader, name: str) -> Any:
        """Return the value of `node`; `name` is its dotted key, for messages."""
        raise NotImplementedError

    def schema(self, definitions: Schema) -> Schema:
        """Return the JSON Schema, adding what it refers to under `definitions`."""
        raise NotImplementedError

    def wrong(self, node: Node, reader: Reader, name: str, hint: str = "") -> Wrong:
        """Note that the node is not of this shape and return the exception to raise."""
        reader.problems.add(node.place, f"{name} must be {self.said}, not {kind_of(node)}", hint=hint)
        return Wrong()

    def scalar(self, node: Node, reader: Reader, name: str) -> str:
        """Return the text of a scalar that is not null."""
        if not isinstance(node, Scalar) or node.is_null:
            raise self.wrong(node, reader, name)
        text = reader.text(node)
        if MARK not in text:
            return text
        text = reader.settle(text)
        if MARK in text and not self.refers:
            hint = "it may stand in command, environment, healthcheck and with"
            reader.problems.add(node.place, f"{name} cannot hold the address of a service", hint=hint)
            raise Wrong
        return text


def kind_of(node: Node) -> str:
    """Return what a node is, in words; a text is shown as it is written, never interpolated."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    assert isinstance(node, Scalar)
    return "empty" if node.is_null or not node.text else shown(node.text)


class Text(Shape):
    """Any text; a number or a word without quotes counts as it is written."""

    def __init__(self, pattern: str = "", said: str = "text", hint: str = "", *, refers: bool | None = None) -> None:
        self.refers = not pattern if refers is None else refers
        self.pattern = pattern
        self.said = said
        self.hint = hint

    def read(self, node: Node, reader: Reader, name: str) -> str:
        text = self.scalar(node, reader, name)
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise self.wrong(node, reader, name, self.hint)
        return text

    def schema(self, definitions: Schema) -> Schema:
        if not self.pattern:
            return {"type": ["string", "number", "boolean"]}
        own: Schema = {"type": "string", "pattern": f"^(?:{self.pattern})$"}
        return {"anyOf": [own, INTERPOLATED]}


class Regex(Text):
    """A regular expression."""

    def __init__(self) -> None:
        super().__init__(said="a regular expression", refers=False)

    def read(self, node: Node, reader: Reader, name: str) -> str:
        text = self.scalar(node, reader, name)
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            reader.problems.add(node.place, f"{name} is not a regular expression: {error}")
            raise Wrong from None
        return text


class Inside(Text):
    """A path inside the project; its value is the real path."""

    def __init__(self) -> None:
        super().__init__(said="a path inside the project", refers=False)

    def read(self, node: Node, reader: Reader, name: str) -> str:
        return reader.path(self.scalar(node, reader, name), node, name)


class Mount(Text):
    """Compose's short form of a mount: NAME:/path or ./path:/path; what lies outside the project is refused."""

    def __init__(self) -> None:
        super().__init__(said="a mount such as data:/var/lib/data or ./conf:/etc/conf", refers=False)

    def read(self, node: Node, reader: Reader, name: str) -> str:
        text = self.scalar(node, reader, name)
        source, colon, target = text.partition(":")
        if not colon or not target.startswith("/"):
            raise self.wrong(node, reader, name)
        if source.endswith(".sock"):
            reader.problems.add(node.place, f"{name} would hand over a socket, which may be as good as root")
            raise Wrong
        if source.startswith((".", "/", "~")):
            return f"{reader.path(source, node, name)}:{target}"
        return text


class Number(Shape):
    """A whole number."""

    def __init__(self, least: int = 0, most: int = 2**31 - 1) -> None:
        self.least = least
        self.most = most
        self.said = f"a whole number from {least} to {most}"

    def read(self, node: Node, reader: Reader, name: str) -> int:
        text = self.scalar(node, reader, name)
        if not re.fullmatch(INTEGER, text) or not self.least <= int(text) <= self.most:
            raise self.wrong(node, reader, name)
        return int(text)

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"type": "integer", "minimum": self.least, "maximum": self.most}, INTERPOLATED]}


class Decimal(Shape):
    """A number."""

    said = "a number"

    def read(self, node: Node, reader: Reader, name: str) -> float:
        text = self.scalar(node, reader, name)
        if not re.fullmatch(FLOAT, text):
            raise self.wrong(node, reader, name)
        return float(text)

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"type": "number"}, INTERPOLATED]}


class PortNumber(Number):
    """A fixed port, or 0 or `auto` for any free one."""

    def __init__(self) -> None:
        super().__init__(0, 65535)
        self.said = "a port number from 1 to 65535, or auto"

    def read(self, node: Node, reader: Reader, name: str) -> int:
        if isinstance(node, Scalar) and not node.is_null and reader.text(node) == "auto":
            return 0
        return super().read(node, reader, name)

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 65535}, {"const": "auto"}, INTERPOLATED]}


class Flag(Shape):
    """`true` or `false`, the only booleans of YAML 1.2."""

    said = "true or false"

    def read(self, node: Node, reader: Reader, name: str) -> bool:
        text = self.scalar(node, reader, name)
        if text not in WORDS_FOR_FLAGS.values():
            meant = WORDS_FOR_FLAGS.get(text.lower(), text.lower())
            raise self.wrong(node, reader, name, f"write {meant}" if meant in ("true", "false") else "")
        return text == "true"

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"type": "boolean"}, INTERPOLATED]}


class Duration(Shape):
    """A time as in Compose (`1m30s`, `500ms`); its value is in seconds."""

    said = "a duration such as 500ms, 2s or 1m30s"

    def read(self, node: Node, reader: Reader, name: str) -> float:
        text = self.scalar(node, reader, name)
        if text == "0":
            return 0.0
        if not re.fullmatch(DURATION, text) or len(text) > 40:
            number = bool(re.fullmatch(FLOAT, text)) and len(text) < 10
            raise self.wrong(node, reader, name, f"write {text}s for seconds" if number else "")
        try:
            return sum(float(amount) * UNITS[unit] for amount, unit in re.findall(DURATION_PART, text))
        except ValueError:
            raise self.wrong(node, reader, name) from None

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"type": "string", "pattern": f"^{DURATION}$"}, {"const": 0}, INTERPOLATED]}


class Size(Shape):
    """A number of bytes (`512MiB`, `2g`, `1048576`); units are powers of 1024, as in Compose."""

    said = "a size such as 64m or 2GiB"

    def read(self, node: Node, reader: Reader, name: str) -> int:
        match = re.fullmatch(SIZE, self.scalar(node, reader, name))
        if not match or len(match[1]) > 15:
            raise self.wrong(node, reader, name)
        return int(match[1]) << (10 * " kmgt".index(match[2].lower() or " "))

    def schema(self, definitions: Schema) -> Schema:
        own = {"type": "string", "pattern": f"^{SIZE}$"}
        return {"anyOf": [own, {"type": "integer", "minimum": 0}, INTERPOLATED]}


class Choice(Shape):
    """One of some words."""

    def __init__(self, words: typing.Iterable[str]) -> None:
        self.words = tuple(words)

    @property
    def said(self) -> str:  # type: ignore[override]
        return " | ".join(self.words)

    def read(self, node: Node, reader: Reader, name: str) -> str:
        text = self.scalar(node, reader, name)
        assert isinstance(node, Scalar)
        if text not in self.words:
            reader.problems.unknown(node.place, f"{name} cannot be", node.text, self.words)
            raise Wrong
        return text

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"enum": list(self.words)}, INTERPOLATED]}


class Many(Shape):
    """A list; with `single` one value may stand for a list of one."""

    def __init__(self, item: Shape, *, single: bool = False) -> None:
        self.item = item
        self.single = single

    @property
    def said(self) -> str:  # type: ignore[override]
        return f"{self.item.said}, or a list" if self.single else "a list"

    def read(self, node: Node, reader: Reader, name: str) -> tuple[Any, ...]:
        if isinstance(node, Sequence):
            values = []
            for index, item in enumerate(node.items):
                try:
                    values.append(self.item.read(item, reader, f"{name}[{index}]"))
                except Wrong:
                    continue
            return tuple(values)
        if self.single and not (isinstance(node, Scalar) and node.is_null):
            return (self.item.read(node, reader, name),)
        raise self.wrong(node, reader, name)

    def schema(self, definitions: Schema) -> Schema:
        item = self.item.schema(definitions)
        own: Schema = {"type": "array", "items": item}
        return {"anyOf": [item, own]} if self.single else own


class Command(Shape):
    """An argument list; a text is split as the shell would split it, but no shell runs it."""

    said = "a text or a list"

    def read(self, node: Node, reader: Reader, name: str) -> tuple[str, ...]:
        if isinstance(node, Sequence):
            words: tuple[str, ...] = Many(Text()).read(node, reader, name)
        else:
            words = self._split(node, reader, name)
        if not words or not words[0]:
            reader.problems.add(node.place, f"{name} is empty")
            raise Wrong
        return words

    def _split(self, node: Node, reader: Reader, name: str) -> tuple[str, ...]:
        if not isinstance(node, Scalar) or node.is_null:
            raise self.wrong(node, reader, name)
        try:
            words = shlex.split(reader.text(node))
        except ValueError as error:
            reader.problems.add(node.place, f"{name} cannot be split into words: {str(error).lower()}")
            raise Wrong from None
        return tuple(reader.settle(word) for word in words)

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": Text().schema(definitions), "minItems": 1}]}


class CheckCommand(Shape):
    """Compose's `test`: a list as it is; a text for the shell."""

    said = "a text or a list"

    def read(self, node: Node, reader: Reader, name: str) -> tuple[str, ...]:
        if not isinstance(node, Sequence):
            return ("CMD-SHELL", Text().read(node, reader, name))
        words: tuple[str, ...] = Many(Text()).read(node, reader, name)
        if not words or (words[0] in ("CMD", "CMD-SHELL") and len(words) == 1):
            reader.problems.add(node.place, f"{name} is empty")
            raise Wrong
        return words

    def schema(self, definitions: Schema) -> Schema:
        return Command().schema(definitions)


class Named(Shape):
    """A mapping from names to values of one shape. With `listed` a list of names stands for defaults."""

    def __init__(self, item: Shape, *, pattern: str = "", said: str = "a mapping", listed: bool = False) -> None:
        self.item = item
        self.pattern = pattern
        self.listed = listed
        self.said = f"{said} or a list of names" if listed else said

    def read(self, node: Node, reader: Reader, name: str) -> Entries[Any]:
        entries: Entries[Any] = Entries()
        if self.listed and isinstance(node, Sequence):
            node = self._from_list(node, reader, name)
        if not isinstance(node, Mapping):
            raise self.wrong(node, reader, name)
        for key, value in node.items.items():
            place = node.keys[key].place
            if not self._accepts(key, place, reader, name):
                continue
            entries.places[key] = place
            entries.written[key] = node.keys[key].text
            try:
                entries[key] = self.item.read(value, reader, f"{name}.{key}" if name else key)
            except Wrong:
                continue
        return entries

    def _accepts(self, key: str, place: Place, reader: Reader, name: str) -> bool:
        if self.pattern and not re.fullmatch(self.pattern, key):
            hint = "letters, digits, - and _, beginning with a letter or digit, at most 63"
            reader.problems.add(place, f"{name}: {shown(key)} cannot be a name", hint=hint)
            return False
        return True

    def _from_list(self, node: Sequence, reader: Reader, name: str) -> Mapping:
        mapping = Mapping(node.file, node.line, node.column)
        for index, item in enumerate(node.items):
            try:
                key = Text().read(item, reader, f"{name}[{index}]")
            except Wrong:
                continue
            assert isinstance(item, Scalar)
            mapping.items[key] = Mapping(item.file, item.line, item.column)
            mapping.keys[key] = item
        return mapping

    def schema(self, definitions: Schema) -> Schema:
        own: Schema = {"type": "object", "additionalProperties": self.item.schema(definitions)}
        if self.pattern:
            own["propertyNames"] = {"pattern": f"^(?:{self.pattern})$"}
        return {"anyOf": [own, {"type": "array", "items": {"type": "string"}}]} if self.listed else own


class Variables(Shape):
    """Environment variables: a mapping, or a list of NAME=VALUE; without a value the command's own is taken."""

    said = "a mapping or a list of NAME=VALUE"

    def read(self, node: Node, reader: Reader, name: str) -> Entries[str | None]:
        entries: Entries[str | None] = Entries()
        for key, value, at in self._pairs(node, reader, name):
            if not re.fullmatch(VARIABLE, key):
                written = shown(at.text.partition("=")[0])
                reader.problems.add(at.place, f"{name}: {written} cannot be the name of a variable")
                continue
            entries.places[key] = at.place
            entries[key] = value
        return entries

    def _pairs(self, node: Node, reader: Reader, name: str) -> typing.Iterator[tuple[str, str | None, Scalar]]:
        if isinstance(node, Mapping):
            for key, value in node.items.items():
                try:
                    yield key, self._value(value, reader, f"{name}.{key}"), node.keys[key]
                except Wrong:
                    continue
        elif isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                try:
                    key, equals, text = self.scalar(item, reader, f"{name}[{index}]").partition("=")
                except Wrong:
                    continue
                assert isinstance(item, Scalar)
                yield key, text if equals else None, item
        else:
            raise self.wrong(node, reader, name)

    def _value(self, node: Node, reader: Reader, name: str) -> str | None:
        if isinstance(node, Scalar) and node.is_null:
            return None
        return Text().read(node, reader, name)

    def schema(self, definitions: Schema) -> Schema:
        value = {"type": ["string", "number", "boolean", "null"]}
        return {
            "anyOf": [
                {"type": "object", "additionalProperties": value},
                {"type": "array", "items": {"type": "string"}},
            ]
        }


class Either(Shape):
    """One shape for scalars and another for the rest: the short and the long form."""

    def __init__(self, short: Shape, long: Shape) -> None:
        self.short = short
        self.long = long

    @property
    def said(self) -> str:  # type: ignore[override]
        return f"{self.short.said}, or {self.long.said}"

    def read(self, node: Node, reader: Reader, name: str) -> Any:
        return (self.short if isinstance(node, Scalar) else self.long).read(node, reader, name)

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [self.short.schema(definitions), self.long.schema(definitions)]}


class Anything(Shape):
    """Any value, read with YAML 1.2's core schema."""

    def read(self, node: Node, reader: Reader, name: str) -> Any:
        if isinstance(node, Mapping):
            return {key: self.read(value, reader, f"{name}.{key}") for key, value in node.items.items()}
        if isinstance(node, Sequence):
            return [self.read(item, reader, f"{name}[{i}]") for i, item in enumerate(node.items)]
        assert isinstance(node, Scalar)
        return core_value(node, reader.settle(reader.text(node)))

    def schema(self, definitions: Schema) -> Schema:
        return {}


class Raw(Shape):
    """A mapping, left as its node: what it means is known only later."""

    said = "a mapping"

    def read(self, node: Node, reader: Reader, name: str) -> Node:
        return node

    def schema(self, definitions: Schema) -> Schema:
        return {"type": ["object", "null"]}


def core_value(node: Scalar, text: str) -> Any:
    """Return the value of a scalar by YAML 1.2's core schema."""
    if not node.plain:
        return text
    if node.is_null:
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(INTEGER, text):
        return int(text)
    if re.fullmatch(BASED, text):
        return int(text, 0)
    return float(text) if re.fullmatch(FLOAT, text) else text


class Object(Shape):
    """A mapping whose keys are the fields of a part or a dataclass; a bare value stands for the field `short`."""

    def __init__(self, cls: type, *, short: str = "") -> None:
        self.cls = cls
        self.short = short

    @property
    def said(self) -> str:  # type: ignore[override]
        return f"{self.fields[self.short][1].said}, or a mapping" if self.short else "a mapping"

    @functools.cached_property
    def fields(self) -> dict[str, tuple[str, Shape]]:
        """Key → name of the field and its shape."""
        return {name.rstrip("_"): (name, shape_of(hint)) for name, hint in _hints(self.cls).items()}

    @functools.cached_property
    def required(self) -> list[str]:
        """The keys that have no default."""
        return [name.rstrip("_") for name, default in defaults_of(self.cls).items() if default is REQUIRED]

    def read(self, node: Node, reader: Reader, name: str) -> Any:
        if self.short and not isinstance(node, Mapping):
            field, shape = self.fields[self.short]
            return self._make({field: shape.read(node, reader, name)}, {self.short: node}, node)
        if isinstance(node, Scalar) and node.is_null and not self.required:
            return self._make({}, {}, node)
        if not isinstance(node, Mapping):
            raise self.wrong(node, reader, name)
        return self._make(self._values(node, reader, name), node.items, node)

    def _values(self, node: Mapping, reader: Reader, name: str) -> dict[str, Any]:
        values = {}
        failed = False
        for key, value in node.items.items():
            known = self.fields.get(key)
            if known is None:
                self._unknown(key, node.keys[key].place, reader, name)
                continue
            if key not in self.required and is_left_empty(value, known[1]):
                continue
            try:
                values[known[0]] = known[1].read(value, reader, f"{name}.{key}" if name else key)
            except Wrong:
                failed = failed or key in self.required
        for key in self.required:
            if key not in node.items:
                reader.problems.add(node.place, f"{name or 'the manifest'} needs the key {key}")
                failed = True
        if failed:
            raise Wrong
        return values

    def _unknown(self, key: str, place: Place, reader: Reader, name: str) -> None:
        if key.startswith("x-"):
            return
        hint = getattr(self.cls, "FOREIGN", {}).get(key, "")
        what = f"unknown key in {name}:" if name else "unknown key"
        if hint:
            reader.problems.add(place, f"{what} {shown(key)}", allowed=self.fields, hint=hint)
        else:
            reader.problems.unknown(place, what, key, self.fields)

    def _make(self, values: dict[str, Any], nodes: dict[str, Node], node: Node) -> Any:
        made = self.cls(**values)
        if isinstance(made, Part):
            made.__dict__.update(nodes=nodes, node=node)
        return made

    def schema(self, definitions: Schema) -> Schema:
        from devctl.manifest.schema import object_schema

        own = object_schema(self, definitions)
        return {"anyOf": [self.fields[self.short][1].schema(definitions), own]} if self.short else own


@typing.dataclass_transform(kw_only_default=True)
class Part:
    """A part of the manifest: its annotated fields are the keys. It knows where its keys' values are written.

    Not a dataclass, since twenty of those would cost more time than all else that loading a manifest does.
    """

    nodes: typing.ClassVar[dict[str, Node]] = {}
    node: typing.ClassVar[Node]

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def has(self, *keys: str) -> bool:
        """Tell whether all of `keys` are written here, rightly or not."""
        return all(key in self.nodes for key in keys)

    def at(self, key: str) -> Place:
        """Return where the value of `key` is written, else where the part begins."""
        return self.nodes.get(key, self.node).place

    def written(self, key: str) -> str:
        """Return the value of `key` as it stands in the file, before interpolation."""
        node = self.nodes.get(key, self.node)
        return node.text if isinstance(node, Scalar) else ""


def defaults_of(cls: type) -> dict[str, Any]:
    """Return the fields of a part or a dataclass with their defaults; REQUIRED stands for none."""
    if not dataclasses.is_dataclass(cls):
        return {name: getattr(cls, name, REQUIRED) for name in _hints(cls)}
    missing = dataclasses.MISSING
    defaults = {}
    for field in dataclasses.fields(cls):
        made = REQUIRED if field.default_factory is missing else field.default_factory()
        defaults[field.name] = made if field.default is missing else field.default
    return defaults


def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: hint for name, hint in hints.items() if typing.get_origin(hint) is not typing.ClassVar}


def is_left_empty(node: Node, shape: Shape) -> bool:
    """Tell whether nothing stands where a list or a mapping would: as in Compose, that is as good as no key."""
    return isinstance(node, Scalar) and node.is_null and isinstance(shape, Named | Many | Variables | Object | Raw)


def shape_of(hint: Any) -> Shape:
    """Return the shape for a type hint: the one it is annotated with, else what the type implies."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        own = next((a for a in arguments[1:] if isinstance(a, Shape)), None)
        return own or shape_of(arguments[0])
    if origin in (types.UnionType, typing.Union):
        return _union([a for a in arguments if a is not type(None)])
    if origin in (tuple, list):
        return Many(shape_of(arguments[0]))
    if origin is dict or origin is Entries:
        return Named(shape_of(arguments[-1]))
    if origin is typing.Literal:
        return Choice(arguments)
    return _plain(hint)


def _union(arguments: list[Any]) -> Shape:
    if len(arguments) == 1:
        return shape_of(arguments[0])
    shapes = [shape_of(a) for a in arguments]
    scalars = [s for s in shapes if not isinstance(s, Object | Named | Many)]
    rest = [s for s in shapes if s not in scalars]
    return Either(scalars[0], rest[0]) if scalars and rest else shapes[0]


SIMPLE: dict[Any, type[Shape]] = {
    str: Text,
    int: Number,
    float: Decimal,
    bool: Flag,
    Path: Text,
    Any: Anything,
    object: Anything,
    dict: Anything,
    list: Anything,
}


def _plain(hint: Any) -> Shape:
    if isinstance(hint, type) and (issubclass(hint, Part) or dataclasses.is_dataclass(hint)):
        return Object(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Choice(hint)
    return SIMPLE[hint]()
