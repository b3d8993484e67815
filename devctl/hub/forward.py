"""Passes committed spans on to exporters, each at its own pace from a queue on disk.

A slow or absent exporter slows neither the others nor the intake: its queue is bounded, the oldest falls out
and is counted as dropped. What was acknowledged to a service and not yet passed on survives a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from devctl.hub.config import Exporter
from devctl.hub.store import Store
from devctl.record.spans import SpanWriter

MOST_WAITING = 200_000  # spans per exporter; at 0.3 kB each some 60 MB on disk
_MOST_SPANS = 2_048  # of one request
_TIMEOUT_SECONDS = 10.0
_FIRST_PAUSE, _LAST_PAUSE = 0.2, 10.0


@dataclass(slots=True)
class Backlog:
    """How far an exporter is behind: spans that wait, and for how long the oldest has."""

    spans: int = 0
    age_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Batch:
    last: int
    spans: int
    body: bytes


class Forwarder:
    """Serves one exporter until cancelled."""

    def __init__(self, exporter: Exporter, store: Store, log: Callable[[str], None]) -> None:
        self.exporter = exporter
        self.backlog = Backlog()
        self._store = store
        self._log = log
        self._cursor = 0
        self._is_failing = False
        self._news = asyncio.Event()
        self._connection = _Connection(exporter)

    def wake(self) -> None:
        """Say that new spans were committed."""
        self._news.set()

    async def start(self) -> None:
        """Take up the cursor, so that spans which arrive from now on are for this exporter."""
        self._cursor = await self._store.run(lambda writer: writer.cursor(self.exporter.name))

    async def run(self) -> None:
        while True:
            batch = await self._store.run(self._next)
            if batch is None:
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), timeout=5)
                continue
            outcome = await self._deliver(batch)
            await self._store.run(lambda writer, b=batch, o=outcome: self._settle(writer, b, o))  # type: ignore[misc]

    def _next(self, writer: SpanWriter) -> _Batch | None:
        """Drop what is too much, then take the oldest batches that fit one request."""
        waiting = writer.waiting(self._cursor, 4_096)
        self._measure(waiting)
        while self.backlog.spans > MOST_WAITING:
            number, spans, _ = waiting.pop(0)
            self.backlog.spans -= spans
            self._advance(writer, number, "dropped", spans)
        taken: list[tuple[int, int]] = []
        for number, spans, _ in waiting:
            if taken and sum(count for _, count in taken) + spans > _MOST_SPANS:
                break
            taken.append((number, spans))
        if not taken:
            return None
        # Messages of one type may be joined end to end: repeated fields add up (protobuf encoding guide).
        body = b"".join(writer.body(number) for number, _ in taken)
        return _Batch(taken[-1][0], sum(spans for _, spans in taken), body)

    def _measure(self, waiting: list[tuple[int, int, int]]) -> None:
        age = (time.time_ns() - waiting[0][2]) / 1e9 if waiting else 0.0
        self.backlog = Backlog(sum(spans for _, spans, _ in waiting), max(age, 0.0))

    def _settle(self, writer: SpanWriter, batch: _Batch, outcome: str) -> None:
        self._advance(writer, batch.last, outcome, batch.spans)

    def _advance(self, writer: SpanWriter, number: int, outcome: str, spans: int) -> None:
        writer.advance(self.exporter.name, number)
        writer.count(outcome, spans, self.exporter.name)
        self._cursor = number

    async def _deliver(self, batch: _Batch) -> str:
        """Send until it is taken (forwarded), refused for good, or too much waits behind it (dropped)."""
        pause = _FIRST_PAUSE
        while True:
            status, answer = await asyncio.to_thread(self._connection.post, batch.body)
            if 200 <= status < 300:
                self._say(is_failing=False, text="takes spans again")
                return "forwarded"
            if 400 <= status < 500 and status not in (408, 429):
                self._log(f"exporter {self.exporter.name} refuses {batch.spans} spans: {status} {answer}")
                return "dropped"
            self._say(is_failing=True, text=f"does not take spans, trying on: {status or ''} {answer}")
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            pause = min(pause * 2, _LAST_PAUSE)
            if await self._store.run(self._overflows):
                return "dropped"

    def _overflows(self, writer: SpanWriter) -> bool:
        self._measure(writer.waiting(self._cursor, 4_096))
        return self.backlog.spans > MOST_WAITING

    def _say(self, *, is_failing: bool, text: str) -> None:
        if is_failing != self._is_failing:
            self._is_failing = is_failing
            self._log(f"exporter {self.exporter.name} {text}")


class _Connection:
    """A kept-alive connection to one exporter; used by one thread at a time."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._url = urlsplit(exporter.url)
        self._http: http.client.HTTPConnection | None = None

    def post(self, body: bytes) -> tuple[int, str]:
        """Send one batch; return the HTTP status and the begin of the answer, status 0 when nobody answered."""
        payload, content_type = (body, "application/x-protobuf")
        if self._exporter.kind == "zipkin":
            payload, content_type = zipkin(body), "application/json"
        try:
            return self._send(payload, {"Content-Type": content_type, **dict(self._exporter.headers)})
        except (OSError, http.client.HTTPException) as error:
            if self._http:
                self._http.close()
            self._http = None
            return 0, str(error) or type(error).__name__

    def _send(self, payload: bytes, headers: dict[str, str]) -> tuple[int, str]:
        if self._http is None:
            kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
            self._http = kind(self._url.hostname or "", self._url.port, timeout=_TIMEOUT_SECONDS)
        target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        self._http.request("POST", target, payload, headers)
        response = self._http.getresponse()
        return response.status, response.read(4_096).decode("utf-8", "replace").strip()[:200]


_ZIPKIN_KINDS = {2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}


def zipkin(body: bytes) -> bytes:
    """Return the spans of an OTLP request as Zipkin v2 JSON (OpenTelemetry's "Zipkin" exporter rules)."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from devctl.record.spans import attributes, service_name, text_of

    spans = []
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = service_name(group.resource.attributes)
        for scoped in group.scope_spans:
            for span in scoped.spans:
                tags = {key: text_of(value) for key, value in attributes(span.attributes).items()}
                if span.status.code == 2:
                    tags.setdefault("error", span.status.message or "true")
                entry = {
                    "traceId": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "name": span.name,
                    "timestamp": span.start_time_unix_nano // 1000,
                    "duration": max((span.end_time_unix_nano - span.start_time_unix_nano) // 1000, 1),
                    "localEndpoint": {"serviceName": service},
                    "tags": tags,
                    "annotations": [
                        {"timestamp": event.time_unix_nano // 1000, "value": event.name} for event in span.events
                    ],
                }
                if span.parent_span_id:
                    entry["parentId"] = span.parent_span_id.hex()
                if span.kind in _ZIPKIN_KINDS:
                    entry["kind"] = _ZIPKIN_KINDS[span.kind]
                spans.append(entry)
    return json.dumps(spans).encode()
