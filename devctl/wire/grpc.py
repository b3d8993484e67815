"""gRPC over HTTP/2: messages with their prefix, statuses in headers (the PROTOCOL-HTTP2 page of grpc/grpc).

And the two messages of the health protocol (grpc.health.v1), of one field each.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum
from urllib.parse import quote, unquote

HEALTH_PATH = "/grpc.health.v1.Health/Check"
CONTENT_TYPE = "application/grpc"
_UNQUOTED = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_PREFIX = struct.Struct(">?I")  # whether it is compressed, and its length
_SERVICE_TAG = b"\x0a"  # HealthCheckRequest.service: field 1, length-delimited
_STATUS_TAG = 0x08  # HealthCheckResponse.status: field 1, varint


class Code(IntEnum):
    """The statuses of gRPC that are told apart here."""

    OK = 0
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


class Serving(IntEnum):
    """HealthCheckResponse.ServingStatus."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3


def frame(message: bytes) -> bytes:
    """Return a message with its prefix, not compressed."""
    return _PREFIX.pack(False, len(message)) + message


def unframe(body: bytes) -> bytes:
    """Return the only message of a body; ValueError when it is cut, compressed or not alone."""
    message, is_compressed = unpack(body)
    if is_compressed:
        raise ValueError("a message that is compressed")
    return message


def unpack(body: bytes) -> tuple[bytes, bool]:
    """Return the only message of a body and whether it is compressed; ValueError when it is cut or not alone."""
    if len(body) < _PREFIX.size:
        raise ValueError("a body without a message")
    is_compressed, length = _PREFIX.unpack_from(body)
    if length != len(body) - _PREFIX.size:
        raise ValueError("a message that is cut, or not alone")
    return body[_PREFIX.size :], is_compressed


def status(headers: Mapping[str, str]) -> tuple[int, str]:
    """Return the code and the message of a response's trailers; no code at all is UNKNOWN."""
    code = headers.get("grpc-status", "")
    number = int(code) if code.isascii() and code.isdigit() else int(Code.UNKNOWN)
    return number, unquote(headers.get("grpc-message", ""))


def status_headers(code: Code, message: str = "") -> list[tuple[str, str]]:
    """Return the trailers that say how a call ended."""
    headers = [("grpc-status", str(int(code)))]
    return [*headers, ("grpc-message", quote(message, safe=_UNQUOTED))] if message else headers


def health_request(service: str) -> bytes:
    """Return a HealthCheckRequest; an empty `service` asks for the whole server."""
    name = service.encode()
    if len(name) >= 0x80:
        raise ValueError("the name of a gRPC service has at most 127 bytes here")
    return _SERVICE_TAG + bytes([len(name)]) + name if name else b""


def health_status(message: bytes) -> int:
    """Return the status in a HealthCheckResponse; what is not there is 0, as ever in protobuf."""
    if not message:
        return Serving.UNKNOWN
    if len(message) < 2 or message[0] != _STATUS_TAG:
        raise ValueError("not a HealthCheckResponse")
    return message[1]
