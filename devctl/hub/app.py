"""The hub's face: OTLP in, health and metrics out. Wires store, forwarders and metrics together."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import Any

from devctl.http.server import Http2Options, Request, Response, Server, json_response
from devctl.hub import intake, otlp_grpc, otlp_http
from devctl.hub.config import Config, Exporter, load
from devctl.hub.forward import Forwarder
from devctl.hub.logs import LogSink
from devctl.hub.metrics import Metrics, sample
from devctl.hub.receiver import Receiver
from devctl.hub.store import Store
from devctl.hub.wrong_port import WrongPort
from devctl.masking import mask_text
from devctl.record.spans import COUNTERS
from devctl.record.store import Run

_CONFIG_EVERY_SECONDS = 0.5
_FRAME_BYTES = 5  # what gRPC puts before a message


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
        self._receiver = Receiver(self._store, self._logs, self._metrics, spans_kept=self._wake_forwarders)
        self._wrong_port: WrongPort | None = None
        self._run = run

    async def run(self, *listeners: Any, until: asyncio.Event) -> None:
        """Serve until `until` is set, then commit what was taken in and end.

        The first listener is the port of OTLP over HTTP, the second that of OTLP over gRPC; each takes both.
        A record that turns out to be damaged ends it, too: started again, which any keeper does, it has a new one.
        """
        numbers = [listener.getsockname()[1] for listener in listeners]
        self._wrong_port = WrongPort(self._run, numbers[0], numbers[1] if numbers[1:] else 0, _say)
        http2 = Http2Options(otlp_grpc.refusal, self._wrong_port.saw_tls)
        server = Server(self.answer, max_body=intake.MAX_BODY + _FRAME_BYTES, http2=http2)
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
        is_grpc = otlp_grpc.is_grpc(request)
        path = otlp_grpc.PATHS.get(request.path, "") if is_grpc else request.path
        if path in self._receiver.signals:
            if self._wrong_port:
                self._wrong_port.saw_request(request, path)
            answer = otlp_grpc.answer if is_grpc else otlp_http.answer
            return await answer(request, self._receiver.signals[path])
        match path:
            case "/health":
                return json_response({"status": "ok"})
            case "/metrics":
                return Response(200, (await self._own_metrics()).encode(), _EXPOSITION)
            case "/metrics/otlp":
                return self._otlp_metrics(request)
        return otlp_grpc.refusal(request, 404, "this is devctl's hub: OTLP at /v1/traces, /v1/logs, /v1/metrics")

    def _otlp_metrics(self, request: Request) -> Response:
        """Return what services sent, with exemplars where the scraper reads the format that has them."""
        if _OPEN_METRICS.partition(";")[0] in request.headers.get("accept", ""):
            return Response(200, self._metrics.open_metrics().encode(), _OPEN_METRICS)
        return Response(200, self._metrics.exposition().encode(), _EXPOSITION)

    def _wake_forwarders(self) -> None:
        for forwarder, _ in self._forwarders.values():
            forwarder.wake()

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
            ] or [sample(metric, (), 0)]
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
        await self._store.run(lambda writer: writer.outgoing.forget_exporters(names))
        for exporter in config.exporters:
            if exporter not in self._forwarders:
                forwarder = Forwarder(exporter, self._store, _say)
                await forwarder.start()
                self._forwarders[exporter] = (forwarder, asyncio.create_task(forwarder.run()))
                _say(f"passes spans on to {exporter.name} ({exporter.kind})")


_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
_OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def _stamp(path: Path | None) -> int:
    try:
        return path.stat().st_mtime_ns if path else 0
    except OSError:
        return 0


def _say(text: str) -> None:
    print(mask_text(text), file=sys.stderr, flush=True)
