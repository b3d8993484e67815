"""Calls to other services: deadlines, trace context, credential, breaker, retries of safe calls.

The one module that imports httpx.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from services.common.runtime import lazy_imports

lazy_imports.stub_out("httpx._main", "main")

import httpx
from opentelemetry.trace import Span, SpanKind, Tracer

from services.common.http import deadlines
from services.common.http.breaker import Breaker, RetryBudget, State
from services.common.runtime import secrets, telemetry
from services.common.runtime.logs import request_id

if TYPE_CHECKING:
    from services.common.http.addresses import Finder
    from services.common.runtime.metrics import Metrics

Client = httpx.AsyncClient
Response = httpx.Response
Transport = httpx.AsyncBaseTransport
HTTPError = httpx.HTTPError
TransportError = httpx.TransportError
# Failures after which the other side cannot have received the call.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

Headers = Mapping[str, str] | Sequence[tuple[bytes, bytes]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
RETRIES = 2  # with the first call three tries: enough to find a healthy one of three instances
CALL_SECONDS = 2.5  # half of the five seconds within which the shop answers, so that one retry fits
# Kept of a deadline, to answer after the call was given up.
_MARGIN_SECONDS = 0.1


class UpstreamUnavailableError(Exception):
    """Another service did not answer, not in time, or with an error of its own."""

    def __init__(self, service: str, reason: str, *, was_sent: bool = True) -> None:
        super().__init__(f"{service}: {reason}")
        self.service, self.reason, self.was_sent = service, reason, was_sent


async def send(
    transport: Transport,
    method: str,
    url: str,
    *,
    headers: Headers = (),
    json: Any = None,
    params: Mapping[str, str] | None = None,
    content: bytes | None = None,
    seconds: float = CALL_SECONDS,
    is_streamed: bool = False,
) -> Response:
    """Send one request without httpx's client, which costs more than the transport; raise TransportError if it fails.

    The whole answer is there on return, unless it is streamed: then only its head is, and it must be closed.
    """
    request = httpx.Request(method, url, headers=headers, json=json, params=params, content=content)
    try:
        async with asyncio.timeout(seconds):
            answer = await transport.handle_async_request(request)
            answer.request = request
            if not is_streamed:
                await answer.aread()
    except TimeoutError as error:
        raise httpx.ReadTimeout(f"no answer within {seconds:.1f} s", request=request) from error
    return answer


def client(transport: Transport | None = None) -> httpx.AsyncClient:
    """Make the one HTTP client of a process; it follows no redirects and no proxy of the environment."""
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(CALL_SECONDS, connect=1.0),
        limits=httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=15.0),
        trust_env=False,
        follow_redirects=False,
    )


@dataclass(frozen=True, slots=True)
class _Call:
    service: str
    method: str
    path: str
    headers: Mapping[str, str]
    json: Any
    params: Mapping[str, str] | None


class Peers:
    """The other services of the shop, as one service calls them."""

    def __init__(
        self,
        transport: Transport,
        discovery: "Finder",
        token: str,
        tracer: Tracer,
        metrics: "Metrics",
    ) -> None:
        self._transport, self._discovery, self._token, self._tracer = transport, discovery, token, tracer
        self._breakers: dict[str, Breaker] = {}
        self._budget = RetryBudget()
        self._durations = metrics.histogram(
            "http_client_request_duration_seconds",
            "Time of one call to another service",
            ["upstream", "http_request_method", "http_response_status_code"],
        )
        self._states = metrics.gauge(
            "shop_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open", ["upstream"]
        )

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        bearer: str = "",
        timeout_seconds: float = CALL_SECONDS,
        is_repeatable: bool | None = None,
        expects_500: bool = False,
    ) -> Response:
        """Call a service and return its answer below 500; raise UpstreamUnavailableError for all else.

        A call goes out once, or up to three times where it is safe or the caller says that it may be repeated.
        With `expects_500` a 500 is an answer like others (a contract may have one).
        """
        tries = 1 + RETRIES * (method in SAFE_METHODS if is_repeatable is None else is_repeatable)
        sent = dict(headers or {}) | ({"authorization": f"Bearer {bearer}"} if bearer else {})
        call = _Call(service, method, path, sent, json, params)
        ends_at = asyncio.get_running_loop().time() + _allowed(timeout_seconds)
        self._budget.called()
        while True:
            left = ends_at - asyncio.get_running_loop().time()
            try:
                answer = await self._once(call, left)
                if answer.status_code == 500 and not expects_500:
                    raise UpstreamUnavailableError(service, "answered 500")
                return answer
            except UpstreamUnavailableError as error:
                tries -= 1
                may_repeat = tries > 0 or not error.was_sent
                pause = random.uniform(0.02, 0.08)  # noqa: S311
                if not may_repeat or left < 2 * pause or not self._budget.take():
                    raise
            await asyncio.sleep(pause)

    def breaker(self, service: str) -> Breaker:
        """Return the breaker of a service."""
        if service not in self._breakers:
            self._breakers[service] = Breaker()
            self._states.labels(service).set_function(lambda: float(self._breakers[service].state))
        return self._breakers[service]

    def heal(self) -> None:
        """Close every breaker."""
        for breaker in self._breakers.values():
            breaker.succeeded()

    def state(self, service: str) -> Literal["up", "down"]:
        """Say how another service looks from here, for the page of readiness."""
        is_away = self.breaker(service).state is State.OPEN or not self._discovery.healthy(service)
        return "down" if is_away else "up"

    async def _once(self, call: "_Call", seconds: float) -> Response:
        """Make one try of a call, in a span of its own, and record its outcome for the breaker."""
        breaker = self.breaker(call.service)
        if not breaker.allows():
            raise UpstreamUnavailableError(call.service, "the circuit breaker is open")
        base = self._discovery.pick(call.service)
        if not base:
            raise UpstreamUnavailableError(call.service, "no address is known")
        attributes = {**telemetry.http_client(call.method, base + call.path), "peer.service": call.service}
        span = telemetry.start(self._tracer, call.method, SpanKind.CLIENT, attributes)
        try:
            with telemetry.entered(span):
                answer = await self._measured(call, base, seconds, span)
        except UpstreamUnavailableError:
            # One instance that fails does not make its service unavailable as long as there is another.
            if not self._discovery.leave_out(call.service, base):
                breaker.failed()
            raise
        breaker.succeeded()
        return answer

    async def _measured(self, call: "_Call", base: str, seconds: float, span: Span) -> Response:
        status = "none"
        began = time.perf_counter()
        try:
            answer = await send(
                self._transport,
                call.method,
                base + call.path,
                headers=self._headers_with_context(call.headers, seconds),
                json=call.json,
                params=call.params,
                seconds=seconds,
            )
            status = str(answer.status_code)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            was_sent = not isinstance(error, NEVER_SENT)
            raise UpstreamUnavailableError(call.service, reason, was_sent=was_sent) from error
        finally:
            self._durations.labels(call.service, call.method, status).observe(time.perf_counter() - began)
        span.set_attribute("http.response.status_code", answer.status_code)
        if answer.status_code >= 400:
            telemetry.fail(span, status)
        if answer.status_code > 500:
            raise UpstreamUnavailableError(call.service, f"answered {status}")
        return answer

    def _headers_with_context(self, headers: Mapping[str, str], seconds: float) -> dict[str, str]:
        context = {deadlines.HEADER: str(max(1, int(seconds * 1000))), secrets.HEADER: self._token}
        if request_id.get():
            context["x-request-id"] = request_id.get()
        return {**headers, **context, **telemetry.outgoing()}


def _allowed(timeout_seconds: float) -> float:
    return max(0.01, deadlines.remaining(timeout_seconds + _MARGIN_SECONDS) - _MARGIN_SECONDS)


class InProcess(Transport):
    """Carries calls to applications within this process, by the host name of the URL."""

    def __init__(self) -> None:
        self._apps: dict[str, httpx.ASGITransport] = {}
        self._away: set[str] = set()

    def add(self, name: str, app: Any) -> None:
        """Answer for a host with an application."""
        self._apps[name] = httpx.ASGITransport(app)

    def take_away(self, name: str) -> None:
        """Refuse connections to a host, as if its process were dead."""
        self._away.add(name)

    def bring_back(self, name: str) -> None:
        """Answer for the host again."""
        self._away.discard(name)

    async def handle_async_request(self, request: httpx.Request) -> Response:
        """Carry one call."""
        name = request.url.host
        if name in self._away or name not in self._apps:
            raise httpx.ConnectError(f"{name} refuses connections", request=request)
        try:
            return await self._apps[name].handle_async_request(request)
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=request) from error
