"""From the bytes of an OTLP/HTTP request to clean protobuf messages, or a refusal with the right status.

Follows the OTLP specification: protobuf and JSON bodies, gzip, 400 for what cannot be read, 413 and 415 for
size and type, `partial_success` for what is wrong with one item alone. Text that is not UTF-8 and numbers that are not
numbers are replaced here, so that nothing behind this door has to fear them.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.message import DecodeError, Message

from devctl.hub import salvage

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

MAX_BODY = 20 << 20  # bytes, after decompression; what an OpenTelemetry Collector takes unless told otherwise
PROTOBUF = "application/x-protobuf"
JSON = "application/json"

M = TypeVar("M", bound=Message)

# Field 4 of AnyValue (double_value) with an exponent of all ones: NaN or infinity. A few false alarms only cost a walk.
_NOT_A_NUMBER = re.compile(rb"\x21.{6}[\xf0-\xff][\x7f\xff]", re.DOTALL)
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_NO_ID = b"?"
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


def read(kind: type[M], body: bytes, encoding: str) -> tuple[M, int]:
    """Return an OTLP export request from a body of PROTOBUF or JSON, and how many of its items cannot be read."""
    return (_read_json if encoding == JSON else _read_protobuf)(kind, body)


def _read_protobuf(kind: type[M], body: bytes) -> tuple[M, int]:
    try:
        return kind.FromString(body), 0
    except DecodeError:  # most often a string that is not UTF-8
        try:
            return salvage.from_protobuf(kind, body)
        except ValueError as error:
            raise Refused(400, f"not an OTLP message: {error}") from error


def _read_json(kind: type[M], body: bytes) -> tuple[M, int]:
    try:
        document = _with_base64_ids(json.loads(body.decode("utf-8", "replace")))
        if not isinstance(document, dict):
            raise ValueError("an export request is an object")
        with contextlib.suppress(ValueError):
            return salvage.parse_document(kind(), document), 0
        return salvage.from_json(kind, document)
    except (ValueError, RecursionError) as error:
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
    """Return an id in base64; one that is no hex becomes one of a length that no id has."""
    import base64

    try:
        return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
    except ValueError:
        return base64.b64encode(_NO_ID).decode()


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
    trace, id = span.trace_id, span.span_id
    return (
        len(trace) == 16 and len(id) == 8 and len(span.parent_span_id) in (0, 8)
        and trace != _NO_TRACE and id != _NO_SPAN
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
