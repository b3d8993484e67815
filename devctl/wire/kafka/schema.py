"""Kafka's wire types: reads and writes messages described by short schemas; knows no message itself.

A schema is a text such as `name:string partitions:[index:i32 offset:i64@2+]`; `@2+`, `@1-3` and `@2` say in
which versions of the message a field is there. Strings and byte arrays may be null (None). From its flexible
version on (KIP-482) a message has compact lengths, and tagged fields, which are passed over and never written.
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
    "uuid": struct.Struct(">16s"),
}
_SIZE32 = _NUMBERS["i32"]
_SIZES = {"string": _NUMBERS["i16"], "bytes": _SIZE32}
_COMPACT = {"string": "compact_string", "bytes": "compact_bytes"}
_TEXTS = {"string", "compact_string"}
_MOST_VARINT_BITS = 35  # five bytes of seven bits hold any length that Kafka has
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
    compact: bool = False


@dataclass(frozen=True)
class Numbers:
    """Fields of fixed size side by side, read and written in one go."""

    names: tuple[str, ...]
    layout: struct.Struct


@dataclass(frozen=True)
class Tags:
    """The tagged fields at the end of a flexible structure."""


Part = Field | Numbers | Tags
TAGS = Tags()


class Schema:
    """A message of Kafka's protocol in all its versions; `flexible` is the first that has tagged fields."""

    def __init__(self, text: str, flexible: int = LAST_VERSION) -> None:
        self.flexible = flexible
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
            self._by_version[version] = _at(self._fields, version, is_flexible=version >= self.flexible)
        return self._by_version[version]


def _at(fields: tuple[Part, ...], version: int, *, is_flexible: bool) -> tuple[Part, ...]:
    """Return the fields of one version, numbers that stand side by side taken together."""
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
        inner = _at(field.inner, version, is_flexible=is_flexible) if field.inner else ()
        kind = _COMPACT.get(field.kind, field.kind) if is_flexible else field.kind
        parts.append(replace(field, kind=kind, inner=inner, compact=is_flexible))
    return (*parts, *_together(numbers), *((TAGS,) if is_flexible else ()))


def _together(numbers: list[Field]) -> list[Part]:
    if not numbers:
        return []
    layout = struct.Struct(">" + "".join(_NUMBERS[field.kind].format[1:] for field in numbers))
    return [Numbers(tuple(field.name for field in numbers), layout)]


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
        elif isinstance(part, Tags):
            at = _skip_tags(data, at)
        elif part.array:
            message[part.name], at = _read_array(part, data, at)
        else:
            message[part.name], at = _read(part.kind, data, at)
    return message, at


def _read_array(field: Field, data: memoryview, at: int) -> tuple[list[Any] | None, int]:
    if field.compact:
        count, at = _read_compact_length(data, at)
    else:
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
    size = _SIZES.get(kind)
    if size is None:
        length, at = _read_compact_length(data, at)
    else:
        (length,) = size.unpack_from(data, at)
        at += size.size
    if length < 0:
        return None, at
    if length > len(data) - at:
        raise Malformed(f"{length} bytes announced, {len(data) - at} left")
    piece = data[at : at + length]
    return (str(piece, "utf-8") if kind in _TEXTS else piece), at + length


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift >= _MOST_VARINT_BITS:
            raise Malformed("a length of more than five bytes")


def _read_compact_length(data: memoryview, at: int) -> tuple[int, int]:
    """Return a length of the compact form, which is one more there so that 0 can stand for null."""
    value, at = _read_varint(data, at)
    return value - 1, at


def _skip_tags(data: memoryview, at: int) -> int:
    count, at = _read_varint(data, at)
    for _ in range(count):
        _, at = _read_varint(data, at)
        size, at = _read_varint(data, at)
        at += size
    if at > len(data):
        raise Malformed("tagged fields end behind the message")
    return at


def _write_fields(parts: tuple[Part, ...], message: Message, put: Callable[[bytes], object]) -> None:
    for part in parts:
        if isinstance(part, Numbers):
            put(part.layout.pack(*[message[name] for name in part.names]))
        elif isinstance(part, Tags):
            put(b"\0")
        elif part.array:
            _write_array(part, message[part.name], put)
        else:
            _write(part.kind, message[part.name], put)


def _write_array(field: Field, items: list[Any] | None, put: Callable[[bytes], object]) -> None:
    count = -1 if items is None else len(items)
    put(_varint(count + 1) if field.compact else _SIZE32.pack(count))
    for item in items or ():
        if field.inner:
            _write_fields(field.inner, item, put)
        else:
            _write(field.kind, item, put)


def _write(kind: str, value: Any, put: Callable[[bytes], object]) -> None:
    number = _NUMBERS.get(kind)
    if number is not None:
        put(number.pack(value))
        return
    data = value.encode() if kind in _TEXTS and value is not None else value
    length = -1 if data is None else len(data)
    size = _SIZES.get(kind)
    put(_varint(length + 1) if size is None else size.pack(length))
    if data is not None:
        put(data)


def _varint(value: int) -> bytes:
    pieces = bytearray()
    while value >= 0x80:
        pieces.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*pieces, value])
