"""A small shop for the terminal UI: a recording with a frozen clock, and fakes that note what is done to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devctl.errors import DevctlError
from devctl.queries.boards import Board, Panel, Target
from devctl.queries.events import Event, Lag, Topic
from devctl.queries.prometheus import Alert, Series
from devctl.tui.replay import Replay
from devctl.tui.stack import Shell

START_NS = 1_790_000_000 * 1_000_000_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ORDER = "0192f3c4-5c1e-7b30-8a44-1f2e3d4c5b6a"
NAMES = ("kafka", "consul", "postgres", "gateway", "catalog", "cart", "order", "payment")
NEEDS = {"gateway": ["consul", "catalog", "cart", "order"], "catalog": ["postgres"], "cart": ["postgres"],
         "order": ["kafka", "payment"], "payment": ["postgres"]}  # fmt: skip


def instance(name: str, number: int = 1, status: str = "healthy", **more: Any) -> dict[str, Any]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(START_NS / 1e9 - 754)) + ".000000Z"
    view = {"id": f"{name}.{number}", "pid": 4200 + NAMES.index(name) if name in NAMES else 4300, "container": "",
            "status": status, "reason": "", "ports": {}, "started_at": stamp, "restarts": 0, "exit_code": None,
            "cpu_percent": 1.5, "memory_bytes": 64_000_000}  # fmt: skip
    return view | more


def service(name: str, status: str = "healthy", **more: Any) -> dict[str, Any]:
    port = 8100 + NAMES.index(name) if name in NAMES else 8199
    view = {"name": name, "status": status, "variant": "process", "why_variant": "", "kind": "process",
            "optional": False, "reason": "", "cure": "", "note": "", "uses": "", "depends_on": NEEDS.get(name, []),
            "ports": {"http": f"127.0.0.1:{port}"}, "page": f"http://127.0.0.1:{port}/" if name == "gateway" else "",
            "waits_for": [], "fronted": True, "faults": [], "started_seconds": 0.8,
            "instances": [instance(name)]}  # fmt: skip
    return view | more


def status(*services: Mapping[str, Any], word: str = "healthy", stack: str = "shop") -> dict[str, Any]:
    return {"stack": stack, "run": "20260921-141320-0000", "status": word, "folder": "/home/ada/shop",
            "supervisor": {"pid": 4001}, "keeper": {"pid": 4002},
            "services": list(services) or [service(name) for name in NAMES]}  # fmt: skip


def log(at: float, name: str, text: str, number: int = 1) -> dict[str, Any]:
    return {"at": at, "log": {"instance": f"{name}.{number}", "text": text}}


def line(level: str, message: str, **fields: Any) -> str:
    return json.dumps({"level": level, "message": message, **fields})


def spans(at: float, *, error: bool = False, trace: str = TRACE) -> dict[str, Any]:
    """Return a trace of three services, as OTLP JSON."""
    begin = START_NS + int(at * 1e9)
    tree = (("gateway", "POST /orders", "00000000000000a1", "", 0, 41, 2),
            ("order", "place order", "00000000000000b1", "00000000000000a1", 2, 38, 2),
            ("payment", "POST /payments", "00000000000000c1", "00000000000000b1", 6, 30, 2))  # fmt: skip
    resources = []
    for name, operation, span, parent, start, end, kind in tree:
        failed = error and name == "payment"
        document = {
            "traceId": trace, "spanId": span, "name": operation, "kind": kind,
            "startTimeUnixNano": str(begin + start * 1_000_000), "endTimeUnixNano": str(begin + end * 1_000_000),
            "attributes": [{"key": "shop.order.id", "value": {"stringValue": ORDER}}],
            "status": {"code": 2, "message": "card was declined"} if failed else {},
        }  # fmt: skip
        if parent:
            document["parentSpanId"] = parent
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": name}}]}
        resources.append({"resource": resource, "scopeSpans": [{"spans": [document]}]})
    return {"at": at + 0.041, "spans": {"resourceSpans": resources}}


HEAD = {"replay": 1, "stack": "shop", "start_ns": START_NS, "folder": "", "spec": {
    "journeys": [{"name": "order", "attribute": "shop.order.id", "field": "order_id"}]}}  # fmt: skip


def shop() -> list[dict[str, Any]]:
    """Return the frames of a healthy shop with some traffic."""
    frames: list[dict[str, Any]] = [HEAD, {"at": 0, "item": {"status": status()}}, {"at": 0, "why": []}]
    for number in range(40):
        at = number * 0.25
        name = ("gateway", "catalog", "cart", "order", "payment")[number % 5]
        frames.append(log(at, name, line("info", f"GET /items/{number} 200", duration_ms=3 + number % 7)))
    frames.append(log(10.2, "order", line("info", "order placed", order_id=ORDER, trace_id=TRACE)))
    frames.append(log(10.3, "payment", line("warning", "card network is slow", attempt=2)))
    frames.append(log(10.4, "payment", line("error", "card was declined", order_id=ORDER, trace_id=TRACE)))
    frames.append(spans(10.2, error=True))
    frames.append(spans(10.6, trace="a" * 32))
    frames.append({"at": 11, "item": {"event": {"type": "instance_ready", "at_ns": START_NS, "monotonic": 1,
                                                "instance": "gateway.1", "service": "gateway"}}})  # fmt: skip
    frames.append({"at": 11, "item": {"status": status()}})
    return frames


def broken() -> list[dict[str, Any]]:
    """Return a shop whose payment has crashed."""
    failed = service("payment", "failed", reason="exited with 1, 5 times", cure="`devctl logs payment`",
                     instances=[instance("payment", status="failed", pid=0, exit_code=1, restarts=5)])  # fmt: skip
    blocked = service("order", "blocked", waits_for=["payment"], instances=[])
    others = [service(name) for name in NAMES if name not in ("order", "payment")]
    cause = {"service": "payment", "instance": "payment.1", "status": "failed", "says": "exited with 1 at its start",
             "next": "Look at `devctl logs payment`.", "exit_code": 1, "answer": "",
             "lines": ["Traceback (most recent call last):", "KeyError: 'CARD_KEY'"]}  # fmt: skip
    chain = {"service": "order", "instance": "", "status": "blocked", "says": "waits for payment", "next": "",
             "exit_code": None, "answer": "", "lines": []}  # fmt: skip
    whys = [{"service": "payment", "status": "failed", "chain": [cause]},
            {"service": "order", "status": "blocked", "chain": [chain, cause]}]  # fmt: skip
    frames = [frame for frame in shop() if "why" not in frame]
    return [*frames, {"at": 12, "why": whys}, {"at": 12, "item": {"status": status(*others, blocked, failed,
                                                                                     word="unhealthy")}}]  # fmt: skip


def busy() -> list[dict[str, Any]]:
    """Return the broken shop with a minute of figures: what the picture in README shows."""
    frames = broken()
    last = frames.pop()["item"]["status"]
    for beat in range(40):
        views = []
        for number, view in enumerate(last["services"]):
            wave = (beat * (number + 3) + number * 7) % 13 + (beat * 5 + number) % 4
            cost = {"cpu_percent": 0.4 + wave * (0.3 + number / 9), "memory_bytes": 38_000_000 + number * 21_000_000}
            views.append({**view, "instances": [{**each, **cost} for each in view["instances"]]})
        frames.append({"at": 13 + beat / 100, "item": {"status": {**last, "services": views}}})
    for number in range(60):
        trace = f"{number + 16:032x}"
        frames.append(spans(13.4 + number / 100, error=number % 9 == 4, trace=trace))
    return frames


SETTLED = {
    "run": "r",
    "healthy": True,
    "began": False,
    "seconds": 0.1,
    "critical_path": [],
    "going_on": [],
    "failed": [],
}


@dataclass
class FakeControl:
    """Notes what is asked for; `fails` makes every change fail."""

    calls: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    whys: list[Any] = field(default_factory=list)
    fails: str = ""
    shells: Shell | None = None

    def _note(self, verb: str, services: Sequence[str]) -> Any:
        self.calls.append((verb, tuple(services)))
        if self.fails:
            raise DevctlError(self.fails, next="Run `devctl why`.")
        return SETTLED

    def start(self, services: Sequence[str]) -> Any:
        return self._note("start", services)

    def stop(self, services: Sequence[str]) -> Any:
        return self._note("stop", services)

    def restart(self, services: Sequence[str], *, with_dependents: bool = False) -> Any:
        return self._note("restart+" if with_dependents else "restart", services)

    def kill(self, services: Sequence[str]) -> Any:
        self._note("kill", services)
        return [f"{name}.1" for name in services]

    def scale(self, counts: Mapping[str, int]) -> Any:
        return self._note("scale", [f"{name}={count}" for name, count in counts.items()])

    def add_fault(self, fault: Mapping[str, Any], *, seconds: float | None) -> Any:
        self._note("fault", [fault["service"], fault["kind"], str(seconds)])
        return {**fault, "name": f"{fault['service']}_{fault['kind']}_1"}

    def remove_faults(self, names: Sequence[str]) -> Any:
        self._note("no fault", names)
        return list(names)

    def down(self) -> Any:
        return self._note("down", ())

    def check(self, services: Sequence[str]) -> Any:
        return [{"service": name, "instance": f"{name}.1", "healthy": True, "check": "http /health", "answer": "200",
                 "milliseconds": 3.0} for name in services]  # fmt: skip

    def why(self) -> Any:
        return self.whys

    def spec(self) -> Any:
        launch = {"instance": "gateway.1", "argv": ["python", "-m", "services.gateway"], "working_dir": "/srv",
                  "environment": {"PORT": "8103", "CARD_SECRET": "do not show"}, "ports": {"http": 8103}}  # fmt: skip
        return {"spec": {"services": {}}, "launches": [launch]}

    def shell(self, service: str) -> Shell:
        self.calls.append(("shell", (service,)))
        assert self.shells is not None
        return self.shells


@dataclass
class FakeBroker:
    """Two topics, one of them with dead letters."""

    sent: list[Event] = field(default_factory=list)

    def topics(self) -> list[Topic]:
        return [Topic("shop.order.v1", 6, 42), Topic("shop.order.v1.dlq", 1, 1)]

    def lags(self) -> list[Lag]:
        return [Lag("payment", "shop.order.v1", 3), Lag("notification", "shop.order.v1", 0)]

    def last(self, topic: str, count: int) -> list[Event]:
        return [_event(topic, 7)]

    def dead(self) -> list[Event]:
        return [_event("shop.order.v1.dlq", 0, {"dlq_reason": "no such card", "ce_id": "e1"})]

    def replay(self, letters: Sequence[Event]) -> int:
        self.sent += letters
        return len(letters)


def _event(topic: str, offset: int, headers: Mapping[str, str] | None = None) -> Event:
    return Event(topic, 0, offset, START_NS, ORDER, "order.placed", headers or {}, {"order_id": ORDER, "total": 12})


@dataclass
class FakeMetrics:
    """One board with a course and a gauge."""

    firing: list[Alert] = field(default_factory=list)
    windows: list[Any] = field(default_factory=list)

    def boards(self) -> list[Board]:
        panels = (Panel("Requests", "timeseries", "reqps", "", "", (Target("rate(x)", ""),)),
                  Panel("Errors", "gauge", "percentunit", "", "", (Target("e", ""),)))  # fmt: skip
        return [Board("shop", "Shop overview", panels, {"service": ".*"}), Board("kafka", "Kafka", panels[:1], {})]

    def series(self, board: Board, panel: Panel, variables: Mapping[str, str], window: Any) -> Any:
        self.windows.append((board.uid, dict(variables), window))
        begin, end, step = window
        points = [(begin + step * n, float(n % 17)) for n in range(int((end - begin) / step))]
        return [("gateway", Series({"job": "gateway"}, points if panel.kind == "timeseries" else [(end, 0.25)]))]

    def alerts(self) -> list[Alert]:
        return self.firing


def fake_stack(folder: Path, frames: Sequence[Mapping[str, Any]] | None = None, link: str = "live") -> Replay:
    """Return a stack that has played all its frames once it is watched, with fakes for all that can be done to it."""
    stack = Replay(frames or shop(), folder)
    stack.link = link
    broker, metrics, control = FakeBroker(), FakeMetrics(), FakeControl()
    control.whys = [why for frame in (frames or ()) if "why" in frame for why in frame["why"]]
    stack.broker, stack.metrics, stack.control = broker, metrics, control

    def watch(sink: Callable[[Any], None], on_link: Callable[[str], None]) -> None:
        stack._sink = sink
        on_link(stack.link)
        stack.play()

    stack.watch = watch  # type: ignore[method-assign]
    return stack
