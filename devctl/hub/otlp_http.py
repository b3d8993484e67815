"""OTLP over HTTP: the bodies of requests and responses, and refusals as the specification has them."""

from __future__ import annotations

from typing import Any

from devctl.http.server import Request, Response, json_response
from devctl.hub import intake
from devctl.hub.receiver import Receive
from devctl.hub.store import RETRY_SECONDS


async def answer(request: Request, receive: Receive) -> Response:
    """Hand the body of a request to `receive` and word its answer."""
    if request.method != "POST":
        return Response(405, b"send a POST\n", headers=[("allow", "POST")])
    try:
        kind, body = content(request)
        return _message(await receive(body, kind), kind)
    except intake.Refused as refusal:
        headers = [("retry-after", str(RETRY_SECONDS))] if refusal.status == 503 else []
        return _status_message(refusal, request, headers)


def content(request: Request) -> tuple[str, bytes]:
    """Return the kind and the plain body of a request."""
    kind = intake.content_kind(request.headers.get("content-type", ""))
    return kind, intake.decompressed(request.body, request.headers.get("content-encoding", "").lower())


def _message(message: Any, kind: str) -> Response:
    if kind == intake.JSON:
        from google.protobuf import json_format

        return Response(200, json_format.MessageToJson(message, indent=None).encode(), intake.JSON)
    return Response(200, message.SerializeToString(), intake.PROTOBUF)


def _status_message(refusal: intake.Refused, request: Request, headers: list[tuple[str, str]]) -> Response:
    """Answer a refusal with a google.rpc.Status, as OTLP asks: field 2 is its message."""
    text = str(refusal).encode()[:1_000]
    if request.headers.get("content-type", "").startswith(intake.JSON):
        return json_response({"code": 3, "message": text.decode("utf-8", "replace")}, refusal.status, headers)
    length = bytes([len(text)]) if len(text) < 128 else bytes([len(text) & 0x7F | 0x80, len(text) >> 7])
    return Response(refusal.status, b"\x12" + length + text, intake.PROTOBUF, headers)
