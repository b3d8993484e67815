"""The hub's face: OTLP over HTTP in, health and metrics out. Wires store, forwarders and metrics together."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devctl.http.server import Request, Response, Server, json_response
from devctl.hub import intake
from devctl.hub.config import Config, Exporter, load
from devctl.hub.forward import Forwarder
from devctl.hub.logs import LogSink
from devctl.hub.metrics import Metrics, sample
from devctl.hub.store import RETRY_SECONDS, Store
from devctl.masking import mask_text
from devctl.record.spans import COUNTERS
from devctl.record.store import Run

_CONFIG_EVERY_SECONDS = 0.5


class Hub:
    """One hub: `listen` sockets come from outside, the rest is made here."""

    def __init__(self, run: Run, *, config: Path | None) -> None:
        self._config_path = config
        self._config = load(config)
        self._config_stamp = _stamp(config)
        self._forwarders: dict[Exporter, tuple[Forwarder, asyncio.Task[None]]] = {}
        self._end = asyncio.Event()
        self._store = Store(
            run.spans_file,
            cap_bytes=self._config.cap_bytes,
            is_forwarding=lambda: bool(self._forwarders),
            on_damage=self._end.set,
        )
        self._metrics = Metrics()
        self._logs = LogSink(run)

    async def run(self, *listeners: Any, until: asyncio.Event) -> None:
        """Serve until `until` is set, then commit what was taken in and end.

        A record that turns out to be damaged ends it, too: started again, which any keeper does, it has a new one.
        """
        server = Server(self.answer, max_body=intake.MAX_BODY)
        await self._follow(self._config)
        await server.listen(*listeners)
        watching = asyncio.create_task(self._watch_config())
        ends = [asyncio.create_task(event.wait()) for event in (until, self._end)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in (*ends, watching):
            task.cancel()
        await server.close()
        for _, task in self._forwarders.values():
            task.cancel()
        await self._store.close()
        self._logs.close()

    async def answer(self, request: Request) -> Response:
        """Route one request."""
        routes: dict[str, Callable[[Request], Any]] = {
            "/v1/traces": self._traces,
            "/v1/logs": self._take_logs,
            "/v1/metrics": self._take_metrics,
        }
        if request.path in routes:
            if request.method != "POST":
                return Response(405, b"send a POST\n", headers=[("allow", "POST")])
            return await self._take(request, routes[request.path])
        match request.path:
            case "/health":
                return json_response({"status": "ok"})
            case "/metrics":
                return Response(200, (await self._own_metrics()).encode(), _EXPOSITION)
            case "/metrics/otlp":
                return Response(200, self._metrics.exposition().encode(), _EXPOSITION)
        return Response(404, b"this is devctl's hub: OTLP/HTTP at /v1/traces, /v1/logs, /v1/metrics\n")

    async def _take(self, request: Request, take: Callable[[Request], Any]) -> Response:
        try:
            answer: Response = await take(request)
            return answer
        except intake.Refused as refusal:
            headers = [("retry-after", str(RETRY_SECONDS))] if refusal.status == 503 else []
            return _status_message(refusal, request, headers)

    async def _traces(self, request: Request) -> Response:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

        kind, body = _content(request)
        outcome = await self._store.add(body, kind)
        for forwarder, _ in self._forwarders.values():
            forwarder.wake()
        answer = ExportTraceServiceResponse()
        if outcome.rejected:
            answer.partial_success.rejected_spans = outcome.rejected
            answer.partial_success.error_message = outcome.reason
        return _message(answer, kind)

    async def _take_logs(self, request: Request) -> Response:
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
            ExportLogsServiceRequest,
            ExportLogsServiceResponse,
        )

        kind, body = _content(request)
        export, unreadable = intake.read(ExportLogsServiceRequest, body, kind)
        self._logs.add(export.resource_logs)
        answer = ExportLogsServiceResponse()
        if unreadable:
            answer.partial_success.rejected_log_records = unreadable
            answer.partial_success.error_message = "log records that cannot be read were not kept"
        return _message(answer, kind)

    async def _take_metrics(self, request: Request) -> Response:
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
            ExportMetricsServiceRequest,
            ExportMetricsServiceResponse,
        )

        kind, body = _content(request)
        export, unreadable = intake.read(ExportMetricsServiceRequest, body, kind)
        surplus = self._metrics.add(export.resource_metrics)
        answer = ExportMetricsServiceResponse()
        if unreadable or surplus:
            answer.partial_success.rejected_data_points = unreadable + surplus
            answer.partial_success.error_message = (
                f"not kept: {unreadable} data points that cannot be read, {surplus} of too many series"
            )
        return _message(answer, kind)

    async def _own_metrics(self) -> str:
        counters = await self._store.run(lambda writer: writer.counters())
        lines = []
        for name in COUNTERS:
            metric = f"devctl_hub_spans_{name}_total"
            lines += [f"# TYPE {metric} counter\n", sample(metric, (), counters.get((name, ""), 0))]
        names = sorted({f.exporter.name for f, _ in self._forwarders.values()} | {e for _, e in counters if e})
        for name in ("forwarded", "dropped"):
            metric = f"devctl_hub_spans_{name}_total"
            lines.append(f"# TYPE {metric} counter\n")
            lines += [
                sample(metric, (("exporter", exporter),), counters.get((name, exporter), 0)) for exporter in names
            ]
        now = time.time_ns()
        waiting = [((("exporter", f.exporter.name),), f.backlog) for f, _ in self._forwarders.values()]
        for name, of in (
            ("devctl_hub_queue_spans", lambda backlog: backlog.spans),
            ("devctl_hub_queue_bytes", lambda backlog: backlog.bytes),
            ("devctl_hub_queue_age_seconds", lambda backlog: (now - (backlog.oldest_ns or now)) / 1e9),
        ):
            lines.append(f"# TYPE {name} gauge\n")
            lines += [sample(name, labels, of(backlog)) for labels, backlog in waiting]
        return "".join(lines)

    async def _watch_config(self) -> None:
        while True:
            await asyncio.sleep(_CONFIG_EVERY_SECONDS)
            stamp = _stamp(self._config_path)
            if stamp != self._config_stamp:
                self._config_stamp = stamp
                with contextlib.suppress(ValueError, KeyError):  # caught in the middle of a write: next time
                    await self._follow(load(self._config_path))

    async def _follow(self, config: Config) -> None:
        """Start and stop forwarders until they are those of `config`."""
        self._config = config
        for exporter in [exporter for exporter in self._forwarders if exporter not in config.exporters]:
            _, task = self._forwarders.pop(exporter)
            task.cancel()
        names = [exporter.name for exporter in config.exporters]
        await self._store.run(lambda writer: writer.forget_exporters(names))
        for exporter in config.exporters:
            if exporter not in self._forwarders:
                forwarder = Forwarder(exporter, self._store, _say)
                await forwarder.start()
                self._forwarders[exporter] = (forwarder, asyncio.create_task(forwarder.run()))
                _say(f"passes spans on to {exporter.name} ({exporter.kind})")


_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def _content(request: Request) -> tuple[str, bytes]:
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


def _stamp(path: Path | None) -> int:
    try:
        return path.stat().st_mtime_ns if path else 0
    except OSError:
        return 0


def _say(text: str) -> None:
    print(mask_text(text), file=sys.stderr, flush=True)
