"""What a row must show so that a span may carry a tag: found in its bytes by the database, without decoding it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from devctl.embedded.jaeger import model
from devctl.record.span_query import Sign

_NUMBER = re.compile(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?|NaN|[-+]Inf")
_KEYS_OF_A_TEXT = ("otel.status_description", "w3c.tracestate", "event")
_NEVER_AN_ATTRIBUTE = ("otel.status_code", model.FORMAT)
_DOUBLE = b"\x12\x09\x21"  # value: field 2, nine bytes long, of which the first says double


def signs(tags: tuple[tuple[str, str], ...]) -> tuple[Sign, ...]:
    """Return the signs of (key, value) tags; a tag that any span may carry has none."""
    return tuple(_sign(key, value) for key, value in tags if key not in _NEVER_AN_ATTRIBUTE)


def _sign(key: str, value: str) -> Sign:
    attributes = tuple(_attributes(key, value))
    match key:
        case "error" if value == "true":
            return Sign(attributes, error=True)
        case "span.kind" if value in model.KINDS[1:]:
            return Sign(attributes, kind=model.KINDS.index(value))
        case "otel.scope.name" | "otel.scope.version":
            return Sign(attributes, scope=value.encode())
        case _ if key in _KEYS_OF_A_TEXT:
            return Sign((*attributes, value.encode()))
    return Sign(attributes)


def _attributes(key: str, value: str) -> Iterator[bytes]:
    """Yield the bytes of every attribute that Jaeger would show as this text, or how they begin."""
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    def whole(typed: AnyValue) -> bytes:
        return KeyValue(key=key, value=typed).SerializeToString()

    if not value or value[0] in "[{":  # nothing at all, a list, a map
        yield key.encode()
        return
    yield whole(AnyValue(string_value=value))
    if value in ("true", "false"):
        yield whole(AnyValue(bool_value=value == "true"))
    with contextlib.suppress(ValueError):
        yield whole(AnyValue(int_value=int(value)))
    with contextlib.suppress(ValueError):
        yield whole(AnyValue(bytes_value=bytes.fromhex(value)))
    if _NUMBER.fullmatch(value):  # shown rounded, so that many numbers are this one
        yield KeyValue(key=key).SerializeToString() + _DOUBLE
