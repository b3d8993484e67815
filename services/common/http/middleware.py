"""The one middleware around the application of a service.

It does what every request needs: id, deadline, trace, metrics, faults, the log line, and an answer even where the code
failed.
"""

import asyncio
import contextlib
import re
import time
from typing import Any

from opentelemetry.trace import Span, SpanKind
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.http import body_claims, deadlines
from services.common.http.context import EdgeContext
from services.common.http.faults import ConnectionCutError
from services.common.http.problems import (
    INTERNAL_ERROR,
    METHODS,
    ProblemError,
    problem_response,
    unavailable,
)
from services.common.runtime import telemetry
from services.common.runtime.ids import new_id
from services.common.runtime.logs import request_id
from services.common.runtime.metrics import exemplar

QUIET_PATHS = frozenset({"/health/live", "/health/ready", "/metrics"})
_LONG_LENGTH = len(str(body_claims.BODY_LIMIT))
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")

# How much of a refused body is still read: a client that sends on sees a reset instead of the answer.
_DRAIN_BYTES, _DRAIN_SECONDS = 4 * 1024 * 1024, 1.0


class RequestMiddleware:
    """Wraps a service's application."""

    def __init__(self, app: ASGIApp, runtime: EdgeContext, *, is_front: bool = False) -> None:
        self.inner, self._runtime, self._is_front = app, runtime, is_front
        self._log = runtime.log
        self._tracer = runtime.telemetry.tracer
        self._timeout_seconds = runtime.settings.request_timeout_seconds
        labels = ["http_request_method", "http_route", "http_response_status_code"]
        self._durations = runtime.metrics.histogram(
            "http_server_request_duration_seconds", "Time of one request", labels
        )
        self._active = runtime.metrics.gauge("http_server_active_requests", "Requests in flight")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"] in QUIET_PATHS:
            await self.inner(scope, receive, send)
            return
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        requested_id = headers.get("x-request-id", "")
        request_id.set(requested_id if _REQUEST_ID.match(requested_id) else new_id())
        span = telemetry.start(
            self._tracer,
            method,
            SpanKind.SERVER,
            _attributes(scope, method),
            telemetry.under(telemetry.remote(headers.get("traceparent", ""), headers.get("tracestate", ""))),
        )
        exchange = _Exchange(send, is_front=self._is_front)
        if _may_be_endless(headers):
            receive = exchange.watched(receive)
        began = time.perf_counter()
        self._active.inc()
        try:
            with telemetry.entered(span):
                try:
                    await self._answer(scope, headers, receive, exchange)
                finally:
                    self._conclude(scope, method, exchange, span, time.perf_counter() - began)
        except ConnectionCutError:
            await _cut(send)
        finally:
            self._active.dec()

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive, exchange: "_Exchange") -> None:
        path = scope["path"]
        try:
            body_claims.check(scope, headers)
            allowed = "" if self._is_front else headers.get(deadlines.HEADER, "")
            async with deadlines.guard(allowed, self._timeout_seconds):
                await self._runtime.faults.before_request(scope["method"], path)
                receive = await body_claims.verified(receive, headers)
                await self.inner(scope, receive, exchange.send)
        except ProblemError as problem:
            await exchange.answer(problem_response(problem, path), scope, receive)
        except TimeoutError:
            self._log.warning("the request took too long", path=path)
            if exchange.status:
                raise ConnectionCutError from None
            await exchange.answer(problem_response(unavailable("What this needs"), path), scope, receive)
        except ConnectionCutError:
            raise
        except Exception as error:
            self._log.error("unexpected error", exc_info=error, path=path)
            telemetry.fail(telemetry.current_span(), type(error).__qualname__, error)
            await exchange.answer(problem_response(INTERNAL_ERROR, path), scope, receive)

    def _conclude(self, scope: Scope, method: str, exchange: "_Exchange", span: Span, seconds: float) -> None:
        """Measure, name the span and write the line, now that route and status are known."""
        route = self._route(scope)
        status = exchange.status or 499
        self._durations.labels(method, route, str(status)).observe(seconds, exemplar())
        if span.is_recording():
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": status})
            if status >= 500:
                telemetry.fail(span, str(status))
        log = self._log.warning if status >= 500 else self._log.info
        log(f"{method} {route} {status}", path=scope["path"], status=status, duration_ms=round(seconds * 1000, 2))

    def _route(self, scope: Scope) -> str:
        """Return the template of the route that the request was for; never the path itself, which has no bound.

        What was refused or failed before the router had its turn still has a route.
        """
        routed = scope.get("route_template") or getattr(scope.get("route"), "path", "")
        return str(routed or self._runtime.find_route(scope) or "unmatched")


class _Exchange:
    """The answer on its way out: remembers its status and adds the ids."""

    def __init__(self, send: Send, *, is_front: bool) -> None:
        self._send, self._is_front = send, is_front
        self.status = 0
        self._receive: Receive | None = None

    def watched(self, receive: Receive) -> Receive:
        """Record whether a body is read to its end: an unread one, the server would receive for ever."""
        self._receive = receive

        async def watched() -> Message:
            message = await receive()
            if not message.get("more_body"):
                self._receive = None
            return message

        return watched

    async def _ends_connection(self) -> bool:
        """Read what is left of a body, within bounds, so that its sender reads the answer; say whether more is left."""
        left = _DRAIN_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self._receive is not None and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body"):
                        self._receive = None
        return self._receive is not None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = request_id.get()
            trace_id = telemetry.current_trace_id()
            if trace_id:
                headers["x-trace-id"] = trace_id
            headers.setdefault("x-content-type-options", "nosniff")
            if self.status == 408 or (self._receive is not None and await self._ends_connection()):
                headers["connection"] = "close"
        await self._send(message)

    async def answer(self, response: Response, scope: Scope, receive: Receive) -> None:
        """Send a whole answer, unless one has begun already."""
        if not self.status:
            await response(scope, receive, self.send)


def _attributes(scope: Scope, method: str) -> dict[str, Any]:
    host, port = scope.get("server") or ("", None)
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "url.path": scope["path"][:256],
        "url.scheme": scope.get("scheme", "http"),
        "server.address": host,
    }
    if port:
        attributes["server.port"] = port
    if scope.get("client"):
        attributes["client.address"] = scope["client"][0]
    return attributes


def _may_be_endless(headers: Headers) -> bool:
    return "transfer-encoding" in headers or len(headers.get("content-length", "")) >= _LONG_LENGTH


async def _cut(send: Send) -> None:
    """End the connection without an answer, as a broken network would."""
    # ASGI has no message for it: uvicorn's `send` is a method of the object that holds the connection.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("cut by a fault")
    transport.abort()
    await asyncio.sleep(0)  # let the server notice before it looks for our answer
