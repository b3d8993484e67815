"""Tells the hub about the supervisor itself: restarts, states and start durations as metrics, a start as a trace.

OTLP as JSON over HTTP, written by hand: an SDK would cost more memory than the supervisor. A hub that is away
loses this telemetry and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from devctl.core import events as happened
from devctl.core.derived import DerivedStatus
from devctl.core.events import Event
from devctl.core.launch import HOST, HUB_PORT, instance_name
from devctl.core.spec import HUB
from devctl.core.state import State
from devctl.http.client import exchange
from devctl.http.connection import connected
from devctl.http.message import NotHttp, request_bytes
from devctl.supervisor.listeners import Change
from devctl.supervisor.loop import Loop
from devctl.values import dataclass

EVERY_SECONDS = 15.0  # restarts are rare, and counters lose nothing by being late
_TIMEOUT_SECONDS = 2.0
_KEPT_SPANS = 2000  # of starts that nobody waited for, so that these do not add up


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of a start."""

    name: str
    service: str
    start_ns: int
    end_ns: int
    error: str = ""


class Telemetry:
    """Listens to the loop and speaks to the hub now and then."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._spans: list[Span] = []
        self._open: dict[tuple[str, str], int] = {}
        self._task: asyncio.Task[None] | None = None
        loop.listeners.add(self._on_change)

    def begin(self) -> None:
        """Send metrics from now on."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def end(self) -> None:
        """Send nothing any more."""
        if self._task:
            self._task.cancel()

    async def send_start(self, began_ns: int, names: Iterable[str]) -> None:
        """Send what has been started since the last time as one trace under a span `up`."""
        spans, self._spans = self._spans, []
        services = set(names)
        spans = [span for span in spans if span.start_ns >= began_ns and span.service in services]
        if spans:
            root = Span("up", "", began_ns, max(span.end_ns for span in spans))
            await self._post("/v1/traces", trace_body(root, spans, self._resource()))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            now_ns = self._loop.clock.now_ns()
            body = metrics_body(self._loop.state, self._loop.statuses, now_ns, self._resource())
            await self._post("/v1/metrics", body)

    def _resource(self) -> dict[str, Any]:
        attributes = {
            "service.name": "devctl",
            "devctl.stack": self._loop.spec.name,
            "devctl.run": self._loop.state.run,
        }
        return {"attributes": _attributes(attributes)}

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        port = self._loop.state.ports.get(instance_name(HUB, 1), {}).get(HUB_PORT)
        if port and self._loop.spec.telemetry:
            with contextlib.suppress(OSError, TimeoutError, NotHttp):
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    await _post(port, path, json.dumps(body).encode())

    def _on_change(self, change: Change) -> None:
        for event in change.events:
            for span in self._spans_of(event):
                if len(self._spans) < _KEPT_SPANS:
                    self._spans.append(span)

    def _spans_of(self, event: Event) -> list[Span]:
        """Return the spans that end with `event`."""
        match event:
            case happened.FetchBegan():
                self._open["fetch", event.service] = event.at_ns
            case happened.ToolsReady():
                return self._close("fetch", event.service, event.service, event.at_ns)
            case happened.VariantMissing():
                return self._close("fetch", event.service, event.service, event.at_ns, event.reason)
            case happened.InstanceStarting():
                self._open["start", event.instance] = event.at_ns
            case happened.InstanceStarted():
                if not event.checked:
                    return self._close("start", event.instance, event.service, event.at_ns)
                self._open["probe", event.instance] = event.at_ns
            case happened.InstanceReady():
                probed = self._close("probe", event.instance, event.service, event.at_ns)
                return probed + self._close("start", event.instance, event.service, event.at_ns)
            case happened.InstanceExited() | happened.StartFailed():
                probed = self._close("probe", event.instance, event.service, event.at_ns, event.reason)
                return probed + self._close("start", event.instance, event.service, event.at_ns, event.reason)
        return []

    def _close(self, what: str, key: str, service: str, end_ns: int, error: str = "") -> list[Span]:
        start_ns = self._open.pop((what, key), None)
        return [Span(f"{what} {key}", service, start_ns, end_ns, error)] if start_ns is not None else []


async def _post(port: int, path: str, body: bytes) -> None:
    headers = {"Host": f"{HOST}:{port}", "Content-Type": "application/json", "Connection": "close"}
    async with connected(HOST, port) as connection:
        await exchange(connection, request_bytes("POST", path, headers, body))


def metrics_body(
    state: State, statuses: Mapping[str, DerivedStatus], now_ns: int, resource: dict[str, Any]
) -> dict[str, Any]:
    """Return an OTLP metrics request of the status of every service."""
    restarts, starts, states = [], [], []
    for name, service_state in state.services.items():
        for instance in service_state.instances.values():
            labels = {"service": name, "instance": instance.id}
            restarts.append(_point(instance.restarts, now_ns, labels))
            if instance.start_seconds is not None:
                starts.append(_point(instance.start_seconds, now_ns, labels))
        if name in statuses:
            states.append(_point(1, now_ns, {"service": name, "status": statuses[name].status.value}))
    total = {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": restarts}
    metrics = [
        {"name": "devctl.service.restarts", "unit": "{restart}", "sum": total},
        {"name": "devctl.service.start.duration", "unit": "s", "gauge": {"dataPoints": starts}},
        {"name": "devctl.service.status", "unit": "1", "gauge": {"dataPoints": states}},
    ]
    scope = {"scope": {"name": "devctl"}, "metrics": metrics}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [scope]}]}


def _point(value: float, now_ns: int, labels: Mapping[str, str]) -> dict[str, Any]:
    number = {"asInt": str(value)} if isinstance(value, int) else {"asDouble": value}
    return {"timeUnixNano": str(now_ns), "attributes": _attributes(labels), **number}


def trace_body(root: Span, spans: Sequence[Span], resource: dict[str, Any]) -> dict[str, Any]:
    """Return an OTLP traces request: `spans` under `root`."""
    trace, parent = secrets.token_hex(16), secrets.token_hex(8)
    made = [_span(root, trace, parent, "")]
    made += [_span(span, trace, secrets.token_hex(8), parent) for span in spans]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "devctl"}, "spans": made}]}]}


def _span(span: Span, trace: str, number: str, parent: str) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": number,
        **({"parentSpanId": parent} if parent else {}),
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes({"devctl.service": span.service} if span.service else {}),
        "status": {"code": 2, "message": span.error} if span.error else {"code": 1},
    }


def _attributes(table: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in table.items()]
