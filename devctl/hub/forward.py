"""Passes committed spans on to exporters, each at its own pace from a queue on disk.

A slow or absent exporter slows neither the others nor the intake: its queue is bounded, the oldest falls out
and is counted as dropped. What was acknowledged to a service and not yet passed on survives a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from devctl.hub.config import Exporter
from devctl.hub.store import Store
from devctl.hub.zipkin import zipkin
from devctl.record.outgoing import Waiting
from devctl.record.span_writer import SpanWriter

MOST_WAITING = 200_000  # spans per exporter
MOST_WAITING_BYTES = 256 << 20
_MOST_SPANS = 2_048  # of one request
_MOST_BATCHES = 512  # looked at for one request
_TIMEOUT_SECONDS = 10.0
_REFUSES_CONTENT = (400, 413, 422)
_FIRST_PAUSE, _LAST_PAUSE = 0.2, 3.0
_LONGEST_WISH = 60.0  # seconds of Retry-After that are granted


@dataclass(frozen=True, slots=True)
class _Batch:
    """What goes out in one request: (spans, body) of each of the requests that came in, up to number `last`."""

    last: int
    parts: tuple[tuple[int, bytes], ...]

    @property
    def spans(self) -> int:
        return sum(spans for spans, _ in self.parts)

    @property
    def body(self) -> bytes:
        # Messages of one type may be joined end to end: repeated fields add up (protobuf encoding guide).
        return b"".join(body for _, body in self.parts)

    def halves(self) -> tuple[_Batch, _Batch]:
        middle = len(self.parts) // 2
        return _Batch(self.last, self.parts[:middle]), _Batch(self.last, self.parts[middle:])


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an exporter said: status 0 when nobody answered; `rejected` spans of a batch that it took."""

    status: int
    text: str = ""
    retry_after: float = 0.0
    rejected: int = 0


class Forwarder:
    """Serves one exporter until cancelled."""

    def __init__(self, exporter: Exporter, store: Store, log: Callable[[str], None]) -> None:
        self.exporter = exporter
        self.backlog = Waiting()
        self._store = store
        self._log = log
        self._cursor = 0
        self._is_failing = False
        self._news = asyncio.Event()
        self._connection = _Connection(exporter)
        # A thread of its own: one that waits for a slow exporter must not be missing for another.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=exporter.name)

    def wake(self) -> None:
        """Say that new spans were committed."""
        self._news.set()

    async def start(self) -> None:
        """Read the cursor, so that spans which arrive from now on are for this exporter."""
        self._cursor = await self._store.run(lambda writer: writer.outgoing.cursor(self.exporter.name))

    async def run(self) -> None:
        while True:
            batch = await self._store.run(self._next)
            if batch is None:
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), timeout=5)
                continue
            dropped = await self._deliver(batch)
            await self._store.run(lambda writer, b=batch, d=dropped: self._settle(writer, b, d))  # type: ignore[misc]

    def _next(self, writer: SpanWriter) -> _Batch | None:
        """Drop what is too much, then take the oldest batches that fit one request."""
        self.backlog = writer.outgoing.waiting(self._cursor)
        waiting = writer.outgoing.batches(self._cursor, _MOST_BATCHES)
        while self._overflows() and waiting:
            number, spans = waiting.pop(0)
            self._advance(writer, number, dropped=spans)
        taken: list[tuple[int, int]] = []
        total = 0
        for number, spans in waiting:
            if taken and total + spans > _MOST_SPANS:
                break
            taken.append((number, spans))
            total += spans
        if not taken:
            return None
        return _Batch(taken[-1][0], tuple((spans, writer.outgoing.body(number)) for number, spans in taken))

    def _overflows(self) -> bool:
        return self.backlog.spans > MOST_WAITING or self.backlog.bytes > MOST_WAITING_BYTES

    def _settle(self, writer: SpanWriter, batch: _Batch, dropped: int) -> None:
        self._advance(writer, batch.last, dropped=dropped, forwarded=batch.spans - dropped)

    def _advance(self, writer: SpanWriter, number: int, *, dropped: int, forwarded: int = 0) -> None:
        writer.outgoing.advance(self.exporter.name, number)
        writer.count("dropped", dropped, self.exporter.name)
        writer.count("forwarded", forwarded, self.exporter.name)
        self._cursor = number
        self.backlog = writer.outgoing.waiting(number)

    async def _deliver(self, batch: _Batch) -> int:
        """Send until it is taken, refused for good, or too much waits behind it; return how many were dropped."""
        pause = _FIRST_PAUSE
        while True:
            answer = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._connection.post, batch.body, batch.spans
            )
            if 200 <= answer.status < 300:
                self._say(is_failing=False, text="takes spans again")
                return answer.rejected
            if answer.status in _REFUSES_CONTENT and len(batch.parts) > 1:  # one part of it may be at fault
                return sum([await self._deliver(half) for half in batch.halves()])
            if 400 <= answer.status < 500 and answer.status not in (408, 429):
                self._log(f"exporter {self.exporter.name} refuses {batch.spans} spans: {answer.status} {answer.text}")
                return batch.spans
            self._say(is_failing=True, text=f"does not take spans, trying on: {answer.status or ''} {answer.text}")
            await asyncio.sleep(max(pause * random.uniform(0.5, 1.0), answer.retry_after))  # noqa: S311  jitter
            pause = min(pause * 2, _LAST_PAUSE)
            self.backlog = await self._store.run(lambda writer: writer.outgoing.waiting(self._cursor))
            if self._overflows():
                return batch.spans

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

    def post(self, body: bytes, spans: int) -> _Answer:
        """Send one batch and return what the exporter said."""
        payload, content_type = (body, "application/x-protobuf")
        if self._exporter.kind == "zipkin":
            payload, content_type = zipkin(body), "application/json"
        headers = {"Content-Type": content_type, **dict(self._exporter.headers)}
        if self._url.scheme == "https":  # over the loopback packing costs more than it saves
            payload, headers = gzip.compress(payload, 4), {**headers, "Content-Encoding": "gzip"}
        try:
            return self._send(payload, headers, spans)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return _Answer(0, str(error) or type(error).__name__)

    def close(self) -> None:
        if self._http:
            self._http.close()
        self._http = None

    def _send(self, payload: bytes, headers: dict[str, str], spans: int) -> _Answer:
        target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        is_used = self._http is not None
        try:
            response = self._request(target, payload, headers)
        except (ConnectionError, http.client.RemoteDisconnected):
            if not is_used:
                raise
            self.close()  # the exporter closed an idle connection: that is no failure
            response = self._request(target, payload, headers)
        content = response.read(65_536)
        rejected = _rejected(content, spans) if response.status == 200 and self._exporter.kind == "otlp" else 0
        text = content[:200].decode("utf-8", "replace").strip()
        if not response.isclosed():  # more than anybody wants to read
            self.close()
        return _Answer(response.status, text, _seconds(response.headers.get("Retry-After", "")), rejected)

    def _request(self, target: str, payload: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
        if self._http is None:
            kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
            self._http = kind(self._url.hostname or "", self._url.port, timeout=_TIMEOUT_SECONDS)
        self._http.request("POST", target, payload, headers)
        return self._http.getresponse()


def _seconds(retry_after: str) -> float:
    """Read a Retry-After in seconds; a date is rare and not worth a clock that may differ."""
    return min(float(retry_after), _LONGEST_WISH) if retry_after.isascii() and retry_after.isdigit() else 0.0


def _rejected(content: bytes, most: int) -> int:
    """Return how many spans an OTLP answer says were rejected."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        rejected = ExportTraceServiceResponse.FromString(content).partial_success.rejected_spans
    except DecodeError:  # some answer in JSON or in words
        return 0
    return max(min(rejected, most), 0)
