"""The path of a request through the gateway, as a bare ASGI application: it is walked for every call."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common import deadlines, secrets
from services.common.auth import BadTokenError, Tokens, unauthorized
from services.common.logs import request_id
from services.common.problems import ProblemError
from services.common.web import BODY_LIMIT
from services.gateway.domain import Network, Target, Templates, client_address, route
from services.gateway.handlers import Call, Forwarding, Limits
from services.gateway.ports import Reply

# Of one connection, or ours to set: never passed on.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"host",
        b"content-length",
    }
)
_OURS = frozenset(
    {
        secrets.HEADER.encode(),
        deadlines.HEADER.encode(),
        b"traceparent",
        b"tracestate",
        b"x-request-id",
        b"x-forwarded-for",
        b"forwarded-by-gateway",
    }
)
_NOT_SENT_ON = _HOP_BY_HOP | _OURS
_NOT_SENT_BACK = frozenset(
    {b"connection", b"keep-alive", b"transfer-encoding", b"date", b"x-request-id", b"x-trace-id"}
)


@dataclass
class Proxy:
    """Sends what belongs to a service there, and everything else to the gateway's own application."""

    own: ASGIApp
    forwarding: Forwarding
    limits: Limits
    tokens: Tokens
    templates: Templates
    trusted: Sequence[Network]
    seconds: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.own(scope, receive, send)
            return
        target = route(scope["path"])
        if target is None:
            await self.own(scope, receive, send)
            return
        scope["route_template"] = self.templates.match(target)
        await self._pass(target, scope, receive, send)

    async def _pass(self, target: Target, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        peer = (scope.get("client") or ("unknown", 0))[0]
        address = client_address(peer, headers.get("x-forwarded-for", ""), self.trusted)
        self.limits.check_address(address)
        user_id = await self._user(headers)
        if user_id:
            self.limits.check_user(user_id)
        call = Call(
            target=target,
            method=scope["method"],
            query=scope["query_string"],
            headers=_sent_on(scope, address),
            named=headers,
            body=await _body(receive),
            who=user_id or address,
        )
        reply = await self.forwarding.forward(call, deadlines.remaining(self.seconds))
        await _send_back(reply, send)

    async def _user(self, headers: Headers) -> str:
        """Return whose token it is; a token that is shown must be good, for all paths alike."""
        shown = headers.get("authorization")
        if shown is None:
            return ""
        kind, _, token = shown.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise unauthorized("Authorization must be: Bearer TOKEN")
        try:
            return (await self.tokens.check(token.strip())).user_id
        except BadTokenError as error:
            raise unauthorized(f"The token is not accepted: {error}") from error


def _sent_on(scope: Scope, address: str) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in scope["headers"] if name not in _NOT_SENT_ON]
    kept.append((b"x-forwarded-for", address.encode()))
    kept.append((b"forwarded-by-gateway", b"1"))
    kept.append((b"x-request-id", request_id.get().encode()))
    return kept


async def _body(receive: Receive) -> bytes:
    """Read the whole body, so that it can be sent again; it is small by rule."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(400, "incomplete", "The body ended early")
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_LIMIT:
            raise ProblemError(413, "too_large", f"A body may have at most {BODY_LIMIT} bytes")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _send_back(reply: Reply, send: Send) -> None:
    """Pass the answer on as it comes; a stream of events may last as long as somebody listens."""
    headers = [(name, value) for name, value in reply.headers if name not in _NOT_SENT_BACK]
    if any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers):
        deadlines.lift()
    try:
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        async for chunk in reply.body():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await reply.close()
