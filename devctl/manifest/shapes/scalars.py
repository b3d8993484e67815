"""Shapes of single values: texts, numbers, words, times, sizes, paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from devctl.manifest.nodes import Node, Scalar
from devctl.manifest.shapes.base import INTERPOLATED, InvalidValue, Reader, Schema, Shape
from devctl.text import DURATION, parse_duration

WORDS_FOR_FLAGS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
SIZE = r"([0-9]+)\s*(|[kmgtKMGT])[iI]?[bB]?"
INTEGER = r"[-+]?[0-9]{1,18}"
FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?"
BASED = r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}"


class Text(Shape):
    """Any text; a number or a word without quotes counts as it is written."""

    def __init__(
        self, pattern: str = "", expected: str = "text", hint: str = "", *, refers: bool | None = None
    ) -> None:
        self.refers = not pattern if refers is None else refers
        self.pattern = pattern
        self.expected = expected
        self.hint = hint

    def read(self, node: Node, reader: Reader, name: str) -> str:
        text = self.scalar(node, reader, name)
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise self.invalid(node, reader, name, self.hint)
        return text

    def schema(self, definitions: Schema) -> Schema:
        if not self.pattern:
            return {"type": ["string", "number", "boolean"]}
        matching: Schema = {"type": "string", "pattern": f"^(?:{self.pattern})$"}
        return {"anyOf": [matching, INTERPOLATED]}


class Regex(Text):
    """A regular expression."""

    def __init__(self) -> None:
        super().__init__(expected="a regular expression", refers=False)

    def read(self, node: Node, reader: Reader, name: str) -> str:
        text = self.scalar(node, reader, name)
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            reader.problems.add(node.location, f"{name} is not a regular expression: {error}")
            raise InvalidValue from None
        return text


class Inside(Text):
    """A path inside the project; its value is the real path, or with `keeps_links` the name as it is written."""

    def __init__(self, *, keeps_links: bool = False) -> None:
        super().__init__(expected="a path inside the project", refers=False)
        self.keeps_links = keeps_links

    def read(self, node: Node, reader: Reader, name: str) -> str:
        text = self.scalar(node, reader, name)
        real = reader.path(text, node, name)
        return os.path.normpath(reader.base_of(node) / text) if self.keeps_links else real


class Mount(Text):
    """Compose's short form of a mount: NAME:/path or ./path:/path; what lies outside the project is refused."""

    def __init__(self) -> None:
        super().__init__(expected="a mount such as data:/var/lib/data or ./conf:/etc/conf", refers=False)

    def read(self, node: Node, reader: Reader, name: str) -> str:
        text = self.scalar(node, reader, name)
        source, colon, target = text.partition(":")
        if not colon or not target.startswith("/"):
            raise self.invalid(node, reader, name)
        if source.endswith(".sock"):
            reader.problems.add(node.location, f"{name} would hand over a socket, which may be as good as root")
            raise InvalidValue
        if source.startswith((".", "/", "~")):
            return f"{reader.path(source, node, name)}:{target}"
        return text


class Number(Shape):
    """A whole number."""

    def __init__(self, least: int = 0, most: int = 2**31 - 1) -> None:
        self.least = least
        self.most = most
        self.expected = f"a whole number from {least} to {most}"

    def read(self, node: Node, reader: Reader, name: str) -> int:
        text = self.scalar(node, reader, name)
        if not re.fullmatch(INTEGER, text) or not self.least <= int(text) <= self.most:
            raise self.invalid(node, reader, name)
        return int(text)

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"type": "integer", "minimum": self.least, "maximum": self.most}, INTERPOLATED]}


class Decimal(Shape):
    """A number."""

    expected = "a number"

    def read(self, node: Node, reader: Reader, name: str) -> float:
        text = self.scalar(node, reader, name)
        if not re.fullmatch(FLOAT, text):
            raise self.invalid(node, reader, name)
        return float(text)

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"type": "number"}, INTERPOLATED]}


class PublishedPort(int):
    """The number of a port on this machine, with the one that it is published from where that is another."""

    target = 0


class PortNumber(Number):
    """A fixed port, or 0 or `auto` for any free one; for a container also HOST:CONTAINER."""

    def __init__(self) -> None:
        super().__init__(0, 65535)
        self.expected = "a port number from 1 to 65535, or auto"

    def read(self, node: Node, reader: Reader, name: str) -> int:
        text = reader.text(node) if isinstance(node, Scalar) and not node.is_null else ""
        if text == "auto":
            return 0
        pair = re.fullmatch(r"(auto|[0-9]{1,5}):([0-9]{1,5})", text)
        if pair is None:
            return super().read(node, reader, name)
        published = PublishedPort(0 if pair[1] == "auto" else pair[1])
        published.target = int(pair[2])
        if published > self.most or not 1 <= published.target <= self.most:
            raise self.invalid(node, reader, name)
        return published

    def schema(self, definitions: Schema) -> Schema:
        pair = {"type": "string", "pattern": "^(auto|[0-9]{1,5}):[0-9]{1,5}$"}
        return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 65535}, {"const": "auto"}, pair, INTERPOLATED]}


class Flag(Shape):
    """`true` or `false`, the only booleans of YAML 1.2."""

    expected = "true or false"

    def read(self, node: Node, reader: Reader, name: str) -> bool:
        text = self.scalar(node, reader, name)
        if text not in WORDS_FOR_FLAGS.values():
            meant = WORDS_FOR_FLAGS.get(text.lower(), text.lower())
            raise self.invalid(node, reader, name, f"write {meant}" if meant in ("true", "false") else "")
        return text == "true"

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"type": "boolean"}, INTERPOLATED]}


class Duration(Shape):
    """A time as in Compose (`1m30s`, `500ms`); its value is in seconds."""

    expected = "a duration such as 500ms, 2s or 1m30s"

    def read(self, node: Node, reader: Reader, name: str) -> float:
        text = self.scalar(node, reader, name)
        if text == "0":
            return 0.0
        try:
            return parse_duration(text)
        except ValueError:
            number = bool(re.fullmatch(FLOAT, text)) and len(text) < 10
            raise self.invalid(node, reader, name, f"write {text}s for seconds" if number else "") from None

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [{"type": "string", "pattern": f"^{DURATION}$"}, {"const": 0}, INTERPOLATED]}


class Size(Shape):
    """A number of bytes (`512MiB`, `2g`, `1048576`); units are powers of 1024, as in Compose."""

    expected = "a size such as 64m or 2GiB"

    def read(self, node: Node, reader: Reader, name: str) -> int:
        match = re.fullmatch(SIZE, self.scalar(node, reader, name))
        if not match or len(match[1]) > 15:
            raise self.invalid(node, reader, name)
        return int(match[1]) << (10 * " kmgt".index(match[2].lower() or " "))

    def schema(self, definitions: Schema) -> Schema:
        matching = {"type": "string", "pattern": f"^{SIZE}$"}
        return {"anyOf": [matching, {"type": "integer", "minimum": 0}, INTERPOLATED]}


class Choice(Shape):
    """One of some words, or what the pattern `also` takes."""

    def __init__(self, choices: Iterable[str], *, also: str = "") -> None:
        self.choices = tuple(choices)
        self.also = also

    @property
    def expected(self) -> str:  # type: ignore[override]
        return " | ".join(self.choices)

    def read(self, node: Node, reader: Reader, name: str) -> str:
        text = self.scalar(node, reader, name)
        assert isinstance(node, Scalar)
        if text not in self.choices and not (self.also and re.fullmatch(self.also, text)):
            reader.problems.unknown(node.location, f"{name} cannot be", node.text, self.choices)
            raise InvalidValue
        return text

    def schema(self, definitions: Schema) -> Schema:
        also: list[Schema] = [{"type": "string", "pattern": f"^{self.also}$"}] if self.also else []
        return {"anyOf": [{"enum": list(self.choices)}, *also, INTERPOLATED]}


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
