"""The path of a request through the gateway, as a bare ASGI application: every call takes it, so it is kept short."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from services.common.http import body_claims, deadlines
from services.common.http.application import find_route
from services.common.http.auth import BadTokenError, Tokens, unauthorized
from services.common.http.faults import ConnectionCutError
from services.common.http.middleware import QUIET_PATHS
from services.common.http.problems import ProblemError
from services.common.runtime import secrets, telemetry
from services.common.runtime.logs import request_id
from services.gateway.domain import Network, Target, Templates, client_address, route
from services.gateway.handlers import Call, Forwarding, Limits
from services.gateway.ports import Reply, UpstreamError

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger

# A call that takes longer than this is watched for its client going away; most are over sooner, and cost no task.
_WATCH_AFTER_SECONDS = 0.2
# Of one connection, or ours to set: never passed on.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"expect",
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
_SET_BY_GATEWAY = frozenset(
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
_NOT_FORWARDED = _HOP_BY_HOP | _SET_BY_GATEWAY
_USUAL = ([b"keep-alive"], [b"close"])
_NOT_RETURNED = frozenset(
    {b"connection", b"keep-alive", b"transfer-encoding", b"date", b"x-request-id", b"x-trace-id", b"x-served-by"}
)


@dataclass
class Proxy:
    """Sends what belongs to a service there, and everything else to the gateway's own application."""

    gateway_app: FastAPI
    forwarding: Forwarding
    limits: Limits
    tokens: Tokens
    log: "Logger"
    templates: Templates
    trusted: Sequence[Network]
    seconds: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.gateway_app(scope, receive, send)
            return
        target = route(scope["path"])
        headers = Headers(scope=scope)
        peer = (scope.get("client") or ("unknown", 0))[0]
        address = client_address(peer, headers.get("x-forwarded-for", ""), self.trusted)
        if target is None:
            if scope["path"] not in QUIET_PATHS:
                self.limits.check_address(address)
            await self.gateway_app(scope, receive, send)
            return
        scope["route_template"] = self.templates.match(target)
        await self._forward(target, headers, address, scope, receive, send)

    def find_route(self, scope: Scope) -> str:
        """Return the template of the route that a request is for, of a service's or of the gateway's own."""
        target = route(scope["path"])
        return self.templates.match(target) if target else find_route(self.gateway_app, scope)

    async def _forward(
        self, target: Target, headers: Headers, address: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.limits.check_address(address)
        user_id = await self._user_id(headers)
        if user_id:
            self.limits.check_user(user_id)
        call = Call(
            target=target,
            method=scope["method"],
            query=scope["query_string"],
            headers=_forwarded_headers(scope, address),
            named=headers,
            body=await _body(receive, self.seconds) if body_claims.has_body(headers) else b"",
            who=user_id or address,
        )
        async with _DisconnectWatch(receive):
            reply = await self.forwarding.forward(call, deadlines.remaining(self.seconds))
            try:
                await _send_back(reply, send)
            except UpstreamError as error:
                self._abort(target, error)

    def _abort(self, target: Target, error: UpstreamError) -> None:
        """Break off towards the client too, so that half an answer does not look like a whole one."""
        telemetry.fail(telemetry.current_span(), "answer_broken_off")
        self.log.warning("the answer broke off half-way", upstream=target.service, error=str(error))
        raise ConnectionCutError from error

    async def _user_id(self, headers: Headers) -> str:
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


def _forwarded_headers(scope: Scope, address: str) -> list[tuple[bytes, bytes]]:
    named = _named_by_connection(scope)
    dropped = _NOT_FORWARDED | named if named else _NOT_FORWARDED
    kept = [(name, value) for name, value in scope["headers"] if name not in dropped]
    kept.append((b"x-forwarded-for", address.encode()))
    kept.append((b"forwarded-by-gateway", b"1"))
    kept.append((b"x-request-id", request_id.get().encode()))
    return kept


def _named_by_connection(scope: Scope) -> set[bytes]:
    """Return the headers that the client declares to be of this connection alone (RFC 9110, 7.6.1)."""
    named = [value for name, value in scope["headers"] if name == b"connection"]
    if not named or named in _USUAL:
        return set()
    return {word.strip().lower() for word in b",".join(named).split(b",")}


class _DisconnectWatch:
    """Ends the block, and the call of the service in it, when the client goes away.

    Every call passes through it, so it does by hand what `asyncio.timeout` does.
    """

    __slots__ = ("_cancelling", "_is_gone", "_receive", "_task", "_timer", "_watching")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_gone = False
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_SECONDS, self._start)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
        if not self._is_gone:
            return False
        return self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError

    def _start(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        self._task.cancel()


async def _body(receive: Receive, seconds: float) -> bytes:
    """Read the whole body, so that it can be sent again; it is small by rule."""
    try:
        async with asyncio.timeout(seconds):
            return await body_claims.read(receive)
    except TimeoutError:
        raise ProblemError(408, "too_slow", f"The body did not come within {seconds:g} s") from None


async def _send_back(reply: Reply, send: Send) -> None:
    """Pass the answer on as it comes; a stream of events may last as long as somebody listens."""
    headers = [(name, value) for name, value in reply.headers if name not in _NOT_RETURNED]
    headers.append((b"x-served-by", reply.served_by.encode("latin-1", "replace")))
    if any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers):
        deadlines.lift()
    try:
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        async for chunk in reply.body():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await reply.close()
