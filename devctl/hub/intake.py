"""From the bytes of an OTLP/HTTP request to clean protobuf messages, or a refusal with the right status.

Follows the OTLP specification: protobuf and JSON bodies, gzip, 400 for what cannot be read, 413 and 415 for
size and type, `partial_success` for spans with zero ids. Text that is not UTF-8 and numbers that are not
numbers are replaced here, so that nothing behind this door has to fear them.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

MAX_BODY = 20 << 20  # bytes, after decompression; what an OpenTelemetry Collector takes unless told otherwise
PROTOBUF = "application/x-protobuf"
JSON = "application/json"

M = TypeVar("M", bound=Message)

# Field 4 of AnyValue (double_value) with an exponent of all ones: NaN or infinity. A few false alarms only cost a walk.
_NOT_A_NUMBER = re.compile(rb"\x21.{6}[\xf0-\xff][\x7f\xff]", re.DOTALL)
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_ID_KEYS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})


class Refused(Exception):
    """The request is answered with `status` and this text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def content_kind(content_type: str) -> str:
    """Return PROTOBUF or JSON; refuse every other content type with 415."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (PROTOBUF, JSON):
        raise Refused(415, f"content type {kind or 'missing'}: send {PROTOBUF} or {JSON}")
    return kind


def decompressed(body: bytes, encoding: str) -> bytes:
    """Return the body without its content encoding; a bomb is refused before it unfolds."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Refused(415, f"content encoding {encoding}: send gzip or none")
    unpack = zlib.decompressobj(wbits=31)
    try:
        plain = unpack.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise Refused(400, f"not gzip: {error}") from error
    if len(plain) > MAX_BODY:
        raise Refused(413, f"more than {MAX_BODY} bytes after decompression")
    if not unpack.eof:
        raise Refused(400, "the gzip body is cut short")
    return plain


def read(message: M, body: bytes, kind: str) -> M:
    """Fill `message` (an OTLP export request) from a body of PROTOBUF or JSON and return it."""
    if kind == JSON:
        _read_json(message, body)
    else:
        _read_protobuf(message, body)
    return message


def _read_protobuf(message: Message, body: bytes) -> None:
    try:
        message.ParseFromString(body)
    except DecodeError:
        # Most often a string that is not UTF-8: mend those and try once more.
        try:
            message.ParseFromString(_mended(message.DESCRIPTOR, memoryview(body)))
        except (DecodeError, ValueError, RecursionError) as error:
            raise Refused(400, f"not an OTLP message: {error or 'malformed protobuf'}") from error


def _read_json(message: Message, body: bytes) -> None:
    from google.protobuf import json_format

    try:
        document = json.loads(body.decode("utf-8", "replace"))
        if not isinstance(document, dict):
            raise ValueError("an export request is an object")
        json_format.ParseDict(_with_base64_ids(document), message, ignore_unknown_fields=True)
    except (ValueError, json_format.ParseError, RecursionError) as error:
        raise Refused(400, f"not OTLP JSON: {str(error)[:200]}") from error


def _with_base64_ids(value: Any) -> Any:
    """OTLP JSON writes ids as hex, the JSON mapping of protobuf as base64: translate, and tame lone surrogates."""
    if isinstance(value, dict):
        return {
            key: _base64(item) if key in _ID_KEYS and isinstance(item, str) else _with_base64_ids(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_base64_ids(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):  # 1e999, or the bare words that some writers use
        return number_name(value)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _base64(hexadecimal: str) -> str:
    import base64

    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def acceptable(groups: Any, *, body: bytes) -> tuple[int, int]:
    """Clean the spans of `groups` (repeated ResourceSpans) in place; return (accepted, rejected).

    Spans whose ids are missing, zero or of the wrong length are taken out. `body` is what they came from: it
    tells quickly whether any number in them may be no number.
    """
    accepted = rejected = 0
    for group in groups:
        for scoped in group.scope_spans:
            bad = [i for i, span in enumerate(scoped.spans) if not _has_ids(span)]
            for index in reversed(bad):
                del scoped.spans[index]
            accepted += len(scoped.spans)
            rejected += len(bad)
    if _NOT_A_NUMBER.search(body) or body.lstrip()[:1] == b"{":
        for pairs in _all_attributes(groups):
            for pair in pairs:
                _name_non_number(pair.value)
    return accepted, rejected


def _has_ids(span: Any) -> bool:
    trace, own = span.trace_id, span.span_id
    return (
        len(trace) == 16 and len(own) == 8 and len(span.parent_span_id) in (0, 8)
        and trace != _NO_TRACE and own != _NO_SPAN
    )  # fmt: skip


def _all_attributes(groups: Any) -> Iterator[Any]:
    for group in groups:
        yield group.resource.attributes
        for scoped in group.scope_spans:
            yield scoped.scope.attributes
            for span in scoped.spans:
                yield span.attributes
                for part in (*span.events, *span.links):
                    yield part.attributes


def number_name(number: float) -> str:
    """Return the name of NaN or an infinity, as the JSON mapping of protobuf has it."""
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


def _name_non_number(value: AnyValue) -> None:
    """Turn NaN and infinities into their names: JSON has no word for them, and backends break on them."""
    match value.WhichOneof("value"):
        case "double_value" if not math.isfinite(value.double_value):
            value.string_value = number_name(value.double_value)
        case "array_value":
            for item in value.array_value.values:
                _name_non_number(item)
        case "kvlist_value":
            for pair in value.kvlist_value.values:
                _name_non_number(pair.value)


def _mended(descriptor: Any, body: memoryview) -> bytes:
    """Return a protobuf message with every string field made valid UTF-8 (wire format: protobuf encoding guide)."""
    out = bytearray()
    position = 0
    while position < len(body):
        start = position
        tag, position = _varint(body, position)
        wire_type, field = tag & 7, descriptor.fields_by_number.get(tag >> 3)
        if wire_type == 2:
            length, position = _varint(body, position)
            content = body[position : position + length]
            if len(content) < length:
                raise ValueError("a field is cut short")
            position += length
            _append_field(out, tag, _mended_content(field, content))
            continue
        position = _skip(body, position, wire_type)
        out += body[start:position]
    return bytes(out)


def _mended_content(field: FieldDescriptor | None, content: memoryview) -> bytes:
    if field is not None and field.type == FieldDescriptor.TYPE_STRING:
        return bytes(content).decode("utf-8", "replace").encode()
    if field is not None and field.type == FieldDescriptor.TYPE_MESSAGE:
        return _mended(field.message_type, content)
    return bytes(content)


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
