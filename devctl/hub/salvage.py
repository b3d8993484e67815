"""What can be had of a body that cannot be read as it is: text that is not UTF-8 is replaced, and every span, log
record and data point that still cannot be read is left out alone, so that it costs no other.

Follows the wire format of protobuf (its encoding guide) and the JSON mapping of OTLP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

M = TypeVar("M", bound=Message)

# Simple names of opentelemetry.proto's messages: what holds items, and what is an item.
_CONTAINERS = frozenset(
    {"ResourceSpans", "ScopeSpans", "ResourceLogs", "ScopeLogs", "ResourceMetrics", "ScopeMetrics", "Metric", "Gauge"}
    | {"Sum", "Histogram", "ExponentialHistogram", "Summary"}
)
_ITEMS = frozenset(
    {"Span", "LogRecord", "NumberDataPoint", "HistogramDataPoint", "ExponentialHistogramDataPoint", "SummaryDataPoint"}
)
_LENGTH_DELIMITED = 2
_UNREADABLE = (DecodeError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)


@dataclass(slots=True)
class _Tally:
    kept: int = 0
    rejected: int = 0

    def add(self, other: _Tally) -> None:
        self.kept += other.kept
        self.rejected += other.rejected


def from_protobuf(kind: type[M], body: bytes) -> tuple[M, int]:
    """Return a message of `kind` and how many items are missing in it; ValueError when nothing can be had."""

    def verify(content: bytes, tags: tuple[int, ...]) -> None:
        for tag in reversed(tags):
            outer = bytearray()
            _append_field(outer, tag, content)
            content = bytes(outer)
        kind.FromString(content)

    tally = _Tally()
    try:
        message = kind.FromString(_sifted(_type(kind), memoryview(body), (), verify, tally))
    except _UNREADABLE as error:
        raise ValueError(str(error) or "malformed protobuf") from error
    return message, _checked(tally)


def from_json(kind: type[M], document: dict[str, Any]) -> tuple[M, int]:
    """Return a message of `kind` and how many items are missing in it; ValueError when nothing can be had."""

    def verify(content: dict[str, Any], path: tuple[FieldDescriptor, ...]) -> None:
        for field in reversed(path):
            content = {field.name: [content] if field.is_repeated else content}
        parse_document(kind(), content)

    tally = _Tally()
    sifted = _sifted_document(_type(kind), document, (), verify, tally)
    return parse_document(kind(), sifted), _checked(tally)


def parse_document(message: M, document: dict[str, Any]) -> M:
    """Fill a message from the JSON mapping of protobuf; ValueError says what is wrong."""
    from google.protobuf import json_format

    try:
        return json_format.ParseDict(document, message, ignore_unknown_fields=True)
    except (json_format.Error, *_UNREADABLE) as error:
        raise ValueError(str(error)[:200] or type(error).__name__) from error


def _type(kind: type[Message]) -> Descriptor:
    descriptor: Any = kind.DESCRIPTOR  # of one of several implementations of the same thing
    assert isinstance(descriptor, Descriptor)
    return descriptor


def _checked(tally: _Tally) -> int:
    if tally.rejected and not tally.kept:
        raise ValueError("nothing in it can be read")
    return tally.rejected


def _inner(field: FieldDescriptor | None) -> Descriptor | None:
    """Return the type of what a field holds if that is an item or holds items."""
    inner = field.message_type if field is not None else None
    return inner if inner is not None and inner.name in _CONTAINERS | _ITEMS else None


def _sifted_document(
    descriptor: Descriptor,
    document: dict[str, Any],
    path: tuple[FieldDescriptor, ...],
    verify: Callable[[dict[str, Any], tuple[FieldDescriptor, ...]], None],
    tally: _Tally,
) -> dict[str, Any]:
    """Return a document without the items that `verify` refuses; ValueError when it refuses what is around them."""
    fields = {name: field for field in descriptor.fields for name in (field.name, field.json_name)}
    held = [key for key, value in document.items() if value is not None and _inner(fields.get(key))]
    rest = {key: value for key, value in document.items() if key not in held}
    verify(rest, path)
    for key in held:
        field = fields[key]
        sifted = list(_sifted_values(field, document[key], (*path, field), verify, tally))
        if field.is_repeated or sifted:
            rest[key] = sifted if field.is_repeated else sifted[0]
    return rest


def _sifted_values(
    field: FieldDescriptor, values: Any, path: tuple[FieldDescriptor, ...], verify: Any, tally: _Tally
) -> Iterator[dict[str, Any]]:
    inner = _inner(field)
    assert inner is not None
    if field.is_repeated and not isinstance(values, list):
        raise ValueError(f"{field.json_name} is no list")
    for value in values if field.is_repeated else [values]:
        try:
            yield _sifted_value(inner, value, path, verify, tally)
        except ValueError:
            tally.rejected += max(_items_within(inner, value), 1)


def _sifted_value(
    descriptor: Descriptor, value: Any, path: tuple[FieldDescriptor, ...], verify: Any, tally: _Tally
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object is expected")
    if descriptor.name in _ITEMS:
        verify(value, path)
        tally.kept += 1
        return value
    inner = _Tally()
    sifted = _sifted_document(descriptor, value, path, verify, inner)
    tally.add(inner)
    return sifted


def _items_within(descriptor: Descriptor, value: Any) -> int:
    """Return how many items a part that cannot be read would have held."""
    if descriptor.name in _ITEMS:
        return 1
    if not isinstance(value, dict):
        return 0
    total = 0
    for field in descriptor.fields:
        if inner := _inner(field):
            content = value.get(field.json_name, value.get(field.name))
            total += sum(_items_within(inner, each) for each in (content if isinstance(content, list) else [content]))
    return total


def _sifted(
    descriptor: Descriptor,
    body: memoryview,
    tags: tuple[int, ...],
    verify: Callable[[bytes, tuple[int, ...]], None],
    tally: _Tally,
) -> bytes:
    """Return a message without the items that `verify` refuses; an error when it refuses what is around them."""
    rest, held = bytearray(), bytearray()
    for tag, content, whole in _fields(body):
        field = descriptor.fields_by_number.get(tag >> 3)
        inner = _inner(field)
        if content is None:
            rest += whole
        elif inner is None:
            _append_field(rest, tag, _mended_content(field, content))
        else:
            try:
                _append_field(held, tag, _sifted_content(inner, content, (*tags, tag), verify, tally))
            except _UNREADABLE:
                tally.rejected += 1
    verify(bytes(rest), tags)
    return bytes(rest + held)


def _sifted_content(
    descriptor: Descriptor, content: memoryview, tags: tuple[int, ...], verify: Any, tally: _Tally
) -> bytes:
    if descriptor.name in _ITEMS:
        item = _mended(descriptor, content)
        verify(item, tags)
        tally.kept += 1
        return item
    inner = _Tally()
    try:
        sifted = _sifted(descriptor, content, tags, verify, inner)
    except _UNREADABLE:
        tally.rejected += max(inner.kept + inner.rejected - 1, 0)  # the caller counts one
        raise
    tally.add(inner)
    return sifted


def _mended(descriptor: Descriptor, body: memoryview) -> bytes:
    """Return a protobuf message with every string field made valid UTF-8."""
    out = bytearray()
    for tag, content, whole in _fields(body):
        if content is None:
            out += whole
        else:
            _append_field(out, tag, _mended_content(descriptor.fields_by_number.get(tag >> 3), content))
    return bytes(out)


def _mended_content(field: FieldDescriptor | None, content: memoryview) -> bytes:
    if field is not None and field.type == FieldDescriptor.TYPE_STRING:
        return bytes(content).decode("utf-8", "replace").encode()
    if field is not None and field.message_type is not None:
        return _mended(field.message_type, content)
    return bytes(content)


def _fields(body: memoryview) -> Iterator[tuple[int, memoryview | None, memoryview]]:
    """Yield each field of a message as (tag, content, the whole of it); content is None for numbers."""
    position = 0
    while position < len(body):
        start = position
        tag, position = _varint(body, position)
        if tag & 7 != _LENGTH_DELIMITED:
            position = _skip(body, position, tag & 7)
            yield tag, None, body[start:position]
            continue
        length, position = _varint(body, position)
        content = body[position : position + length]
        if len(content) < length:
            raise ValueError("a field is cut short")
        position += length
        yield tag, content, body[start:position]


def _append_field(out: bytearray, tag: int, content: bytes) -> None:
    for number in (tag, len(content)):
        while number > 0x7F:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    out += content


def _varint(body: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(body) or shift > 63:
            raise ValueError("a number is cut short")
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _skip(body: memoryview, position: int, wire_type: int) -> int:
    if wire_type == 0:
        return _varint(body, position)[1]
    sizes = {1: 8, 5: 4}
    if wire_type not in sizes:
        raise ValueError(f"wire type {wire_type} is not known")
    if position + sizes[wire_type] > len(body):
        raise ValueError("a number is cut short")
    return position + sizes[wire_type]
