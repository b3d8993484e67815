"""OTLP over gRPC: unary calls of three services, acknowledged and refused by the rules of OTLP over HTTP."""

from __future__ import annotations

from devctl.http.server import Request, Response, plain_refusal
from devctl.hub import intake
from devctl.hub.receiver import Receive
from devctl.wire.grpc import CONTENT_TYPE, Code, frame, status_headers, unpack

PATHS = {
    f"/opentelemetry.proto.collector.{package}.v1.{service}/Export": f"/v1/{signal}"
    for package, service, signal in (
        ("trace", "TraceService", "traces"),
        ("logs", "LogsService", "logs"),
        ("metrics", "MetricsService", "metrics"),
    )
}
"""The path of OTLP over HTTP of each method."""

_ENCODINGS = ("grpc-accept-encoding", "identity,gzip")
_CODES = {  # UNAVAILABLE alone makes an exporter try again
    400: Code.INVALID_ARGUMENT, 403: Code.PERMISSION_DENIED, 404: Code.UNIMPLEMENTED, 413: Code.RESOURCE_EXHAUSTED,
    415: Code.UNIMPLEMENTED, 500: Code.INTERNAL, 503: Code.UNAVAILABLE,
}  # fmt: skip


def is_grpc(request: Request) -> bool:
    """Tell whether a request is a call of gRPC."""
    return request.headers.get("content-type", "").startswith(CONTENT_TYPE)


async def answer(request: Request, receive: Receive) -> Response:
    """Hand the message of a call to `receive` and word its answer."""
    try:
        answered = await receive(message(request), intake.PROTOBUF)
    except intake.Refused as refused:
        return refusal(request, refused.status, str(refused))
    return Response(
        200, frame(answered.SerializeToString()), CONTENT_TYPE, [_ENCODINGS], trailers=status_headers(Code.OK)
    )


def message(request: Request) -> bytes:
    """Return the plain message of a call."""
    try:
        packed, is_compressed = unpack(request.body)
    except ValueError as error:
        raise intake.Refused(400, f"not a call of gRPC: {error}") from error
    encoding = request.headers.get("grpc-encoding", "identity") if is_compressed else ""
    return intake.decompressed(packed, encoding)


def refusal(request: Request, status: int, reason: str) -> Response:
    """Word a refusal: a status of gRPC for a call, text for anything else."""
    if not is_grpc(request):
        return plain_refusal(request, status, reason)
    headers = [_ENCODINGS, *status_headers(_CODES.get(status, Code.UNKNOWN), reason[:1_000])]
    return Response(200, b"", CONTENT_TYPE, headers)
