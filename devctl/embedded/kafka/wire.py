"""Kafka's wire types: reads and writes messages described by short schemas; knows no message itself.

A schema is a text such as `name:string partitions:[index:i32 offset:i64@2+]`; `@2+`, `@1-3` and `@2` say in
which versions of the message a field is there. Strings and byte arrays may be null (None).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

Message = dict[str, Any]

_NUMBERS = {
    "i8": struct.Struct(">b"),
    "i16": struct.Struct(">h"),
    "i32": struct.Struct(">i"),
    "i64": struct.Struct(">q"),
    "bool": struct.Struct(">?"),
}
_SIZE16 = _NUMBERS["i16"]
_SIZE32 = _NUMBERS["i32"]
_TOKEN = re.compile(r"\[|\]|[\w.]+:(?:\w+)?(?:@\d+(?:-\d+|\+)?)?|@\d+(?:-\d+|\+)?|\w+")
LAST_VERSION = 1 << 15


class Malformed(Exception):
    """The bytes are not the message that they claim to be."""


@dataclass(frozen=True)
class Field:
    """One field of a message: a plain type, or an array of numbers, strings or inner messages."""

    name: str
    kind: str
    first: int
    last: int
    inner: tuple[Part, ...] = ()
    array: bool = False


@dataclass(frozen=True)
class Numbers:
    """Fields of fixed size side by side, read and written in one go."""

    names: tuple[str, ...]
    layout: struct.Struct


Part = Field | Numbers


class Schema:
    """A message of Kafka's protocol in all its versions."""

    def __init__(self, text: str) -> None:
        self._fields = tuple(_fields(iter(_TOKEN.findall(text))))
        self._by_version: dict[int, tuple[Part, ...]] = {}

    def decode(self, data: memoryview, version: int) -> Message:
        """Read a message; raise Malformed when the bytes do not hold it."""
        try:
            return _read_fields(self._of(version), data, 0)[0]
        except (struct.error, UnicodeDecodeError, IndexError) as failure:
            raise Malformed(str(failure)) from failure

    def encode(self, message: Message, version: int) -> bytes:
        """Write a message; raise KeyError when a field of this version is missing."""
        parts: list[bytes] = []
        _write_fields(self._of(version), message, parts.append)
        return b"".join(parts)

    def _of(self, version: int) -> tuple[Part, ...]:
        if version not in self._by_version:
            self._by_version[version] = _at(self._fields, version)
        return self._by_version[version]


def _at(fields: tuple[Part, ...], version: int) -> tuple[Part, ...]:
    """Give the fields of one version, numbers that stand side by side taken together."""
    parts: list[Part] = []
    numbers: list[Field] = []
    for field in fields:
        assert isinstance(field, Field)
        if not field.first <= version <= field.last:
            continue
        if field.kind in _NUMBERS and not field.array:
            numbers.append(field)
            continue
        parts += _together(numbers)
        numbers = []
        parts.append(replace(field, inner=_at(field.inner, version)))
    return (*parts, *_together(numbers))


def _together(numbers: list[Field]) -> list[Part]:
    if not numbers:
        return []
    layout = struct.Struct(">" + "".join(_NUMBERS[one.kind].format[1:] for one in numbers))
    return [Numbers(tuple(one.name for one in numbers), layout)]


def _fields(tokens: Iterator[str]) -> Iterator[Field]:
    for token in tokens:
        if token == "]":  # noqa: S105 - a bracket, not a secret
            return
        name, _, rest = token.partition(":")
        kind, _, versions = rest.partition("@")
        if kind:
            yield Field(name, kind, *_range(versions))
            continue
        assert next(tokens) == "["
        yield _array(name, versions, tokens)


def _array(name: str, versions: str, tokens: Iterator[str]) -> Field:
    inner: list[str] = []
    depth = 1
    for token in tokens:
        depth += (token == "[") - (token == "]")  # noqa: S105
        if depth == 0:
            break
        inner.append(token)
    if len(inner) == 1 and ":" not in inner[0]:
        return Field(name, inner[0], *_range(versions), array=True)
    return Field(name, "", *_range(versions), inner=tuple(_fields(iter(inner))), array=True)


def _range(text: str) -> tuple[int, int]:
    if not text:
        return 0, LAST_VERSION
    if text.endswith("+"):
        return int(text[:-1]), LAST_VERSION
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _read_fields(parts: tuple[Part, ...], data: memoryview, at: int) -> tuple[Message, int]:
    message: Message = {}
    for part in parts:
        if isinstance(part, Numbers):
            message.update(zip(part.names, part.layout.unpack_from(data, at), strict=True))
            at += part.layout.size
        elif part.array:
            message[part.name], at = _read_array(part, data, at)
        else:
            message[part.name], at = _read(part.kind, data, at)
    return message, at


def _read_array(field: Field, data: memoryview, at: int) -> tuple[list[Any] | None, int]:
    (count,) = _SIZE32.unpack_from(data, at)
    at += 4
    if count < 0:
        return None, at
    if count > len(data) - at:
        raise Malformed(f"{field.name}: {count} entries in {len(data) - at} bytes")
    items: list[Any] = []
    for _ in range(count):
        item, at = _read_fields(field.inner, data, at) if field.inner else _read(field.kind, data, at)
        items.append(item)
    return items, at


def _read(kind: str, data: memoryview, at: int) -> tuple[Any, int]:
    number = _NUMBERS.get(kind)
    if number is not None:
        return number.unpack_from(data, at)[0], at + number.size
    size = _SIZE16 if kind == "string" else _SIZE32
    (length,) = size.unpack_from(data, at)
    at += size.size
    if length < 0:
        return None, at
    if length > len(data) - at:
        raise Malformed(f"{length} bytes announced, {len(data) - at} left")
    piece = data[at : at + length]
    return (str(piece, "utf-8") if kind == "string" else piece), at + length


def _write_fields(parts: tuple[Part, ...], message: Message, put: Callable[[bytes], object]) -> None:
    for part in parts:
        if isinstance(part, Numbers):
            put(part.layout.pack(*[message[name] for name in part.names]))
            continue
        value = message[part.name]
        if not part.array:
            _write(part.kind, value, put)
        elif value is None:
            put(b"\xff\xff\xff\xff")
        else:
            put(_SIZE32.pack(len(value)))
            for item in value:
                if part.inner:
                    _write_fields(part.inner, item, put)
                else:
                    _write(part.kind, item, put)


def _write(kind: str, value: Any, put: Callable[[bytes], object]) -> None:
    number = _NUMBERS.get(kind)
    if number is not None:
        put(number.pack(value))
        return
    size = _SIZE16 if kind == "string" else _SIZE32
    if value is None:
        put(size.pack(-1))
        return
    data = value.encode() if kind == "string" else value
    put(size.pack(len(data)))
    put(data)
