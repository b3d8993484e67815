"""The running stack as checks see it: addresses, traces, log lines, metrics and events of one run.

The one door of this package to session, record and queries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from devctl.actions import finders
from devctl.core.spec import RESERVED
from devctl.errors import DevctlError
from devctl.smoke import client

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from devctl.actions.access import StackAccess
    from devctl.diagnosis.views import WhyView
    from devctl.queries.events import Broker, Event
    from devctl.queries.map import Edge
    from devctl.queries.prometheus import Prometheus, Series
    from devctl.queries.traces import Trace
    from devctl.record.lines import Line
    from devctl.record.spans import Span, SpanReader
    from devctl.record.store import Run
    from devctl.session.client import Client
    from devctl.session.protocol import ServiceView, StatusView

T = TypeVar("T")
LOOK_SECONDS, STILL_LOOKS, LATEST_SPANS_SECONDS = 0.5, 3, 10.0
"""How often a trace is looked at, how often it must have been the same, and when that is given up: exporters send twice
a second."""
POLL_SECONDS = 0.1  # telemetry arrives in batches twice a second


class RunningStack:
    """A stack that runs, and its current run."""

    def __init__(self, access: StackAccess) -> None:
        self._access = access
        self._client: Client | None = None
        self._reader: SpanReader | None = None
        self._services: dict[str, ServiceView] = {}
        self._broker: Broker | None = None

    @property
    def client(self) -> Client:
        """The session; DevctlError when nothing runs any more."""
        if self._client is None:
            self._client = self._access.running()
        return self._client

    @property
    def run(self) -> Run:
        return self._access.run()

    def status(self) -> StatusView:
        """Return how the stack is now."""
        status = self.client.status()
        self._services = {view["name"]: view for view in status["services"]}
        return status

    def service(self, name: str) -> ServiceView:
        """Return one service; DevctlError when there is none of that name."""
        if name not in self._services:
            self.status()
        if name not in self._services:
            raise DevctlError(f"no service {name!r} in this stack")
        return self._services[name]

    def address(self, service: str, port: str = "") -> str:
        """Return host:port of a service's port: the one named, else `http`, else its only one."""
        ports = self.service(service)["ports"]
        if port:
            if port not in ports:
                raise DevctlError(f"{service} has no port {port!r}", next=f"It has {', '.join(ports) or 'none'}.")
            return ports[port]
        if "http" in ports:
            return ports["http"]
        if len(ports) == 1:
            return next(iter(ports.values()))
        raise DevctlError(f"which port of {service}?", next=f"Name one: {', '.join(ports) or 'it has none'}.")

    def own_services(self) -> list[str]:
        """Return the services that are no third-party product and run."""
        views = self.status()["services"]
        return [v["name"] for v in views if not v["uses"] and v["name"] not in RESERVED and v["instances"]]

    def why(self, names: Sequence[str]) -> Sequence[WhyView]:
        """Explain why services are not good."""
        return self._access.why(self.client, names)

    # What it tells of itself

    @property
    def spans(self) -> SpanReader:
        """The spans of the run; DevctlError where there are none."""
        if self._reader is None:
            self._reader = finders.open_spans(self.run)
        return self._reader

    def trace(self, trace_id: str) -> list[Trace]:
        """Return the trace of that id and those linked to it; empty when nothing of it arrived."""
        from devctl.queries import traces

        try:
            trace = traces.load(self.spans, trace_id)
        except DevctlError:
            return []
        return traces.joined(self.spans, trace) if trace else []

    def spans_within(self, since_ns: int, until_ns: int) -> list[Span]:
        """Return the spans that began in a time range."""
        try:
            return list(self.spans.within(since_ns, until_ns))
        except DevctlError:
            return []

    def edges(self, since_ns: int) -> list[Edge]:
        """Return who called whom since a moment."""
        from devctl.queries import map as service_map

        try:
            return service_map.edges(self.spans, since_ns, time.time_ns())
        except DevctlError:
            return []

    def lines(self, *, services: Sequence[str] = (), since_ns: int = 0, level: str = "") -> list[Line]:
        """Return log lines by time."""
        from devctl.record import logs

        query = logs.Query(services=tuple(services), since_ns=since_ns or None, level=level or None)
        return list(logs.read(self.run, query))

    def lines_of(self, trace_ids: Sequence[str]) -> list[Line]:
        """Return the log lines of traces."""
        from devctl.queries.logs import of_traces

        return of_traces(self.run, trace_ids)

    def query(self, promql: str) -> list[Series]:
        """Ask the stack's Prometheus; DevctlError where it has none that runs."""
        return self.prometheus().instant(promql)

    def prometheus(self) -> Prometheus:
        """Return the stack's Prometheus; DevctlError where it has none that runs."""
        return finders.find_prometheus(self.client)

    def exposed_metrics(self, service: str, path: str) -> set[str]:
        """Return the names of the metrics that a service exposes on `path` of its port."""
        with client.new(timeout=10.0) as asking:
            text = asking.get(f"http://{self.address(service)}{path}").raise_for_status().text
        samples = [line for line in text.splitlines() if line and not line.startswith("#")]
        types = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
        return {line.partition("{")[0].partition(" ")[0] for line in samples} | set(types)

    def events(self, topics: Sequence[str], since_ns: int, *, key: str = "") -> list[Event]:
        """Return the events on topics since a moment."""
        if self._broker is None:
            self._broker = finders.find_broker(self.client)
        recent = self._broker.last(topics, 1_000, key=key)
        slack_ns = 5_000_000  # a broker keeps milliseconds
        return [event for event in recent if event.time_ns >= since_ns - slack_ns]

    def execute(self, service: str, argv: Sequence[str], timeout: float) -> CompletedProcess[str]:
        """Run a command in a service's environment, as `devctl exec` does."""
        import subprocess
        import sys

        from devctl.smoke.guard import selection_arguments

        command = [sys.executable, "-m", "devctl", *selection_arguments(self._access), "exec", service, "--", *argv]
        return subprocess.run(
            command, cwd=self._access.paths.folder, capture_output=True, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def settled_trace(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace and of those linked to it once no more of them arrive: exporters send late, and
        on a busy machine later. Where no service sends spans, nothing is waited for."""
        spans: list[Span] = []
        if not set(self.spans.services()) & set(self.own_services()):
            return spans
        still, deadline = 0, time.monotonic() + LATEST_SPANS_SECONDS
        while still < STILL_LOOKS and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            before, spans = len(spans), [span for trace in self.trace(trace_id) for span in trace.spans]
            still = still + 1 if spans and len(spans) == before else 0
        return spans

    def close(self) -> None:
        """Let go of what is open; the stack goes on."""
        if self._reader is not None:
            self._reader.close()
        if self._client is not None:
            self._client.close()
        self._client = self._reader = None


class LateError(AssertionError):
    """Something that was waited for did not come; `service` is the one that owes it, empty where nobody said."""

    def __init__(self, message: str, service: str = "") -> None:
        super().__init__(message)
        self.service = service


def eventually(
    ask: Callable[[], T], *, within: float = 10.0, every: float = POLL_SECONDS, what: str = "", blames: str = ""
) -> T:
    """Return the first true answer of `ask`; LateError with the last answer or failure when none comes. `blames` is
    the service that owes it."""
    deadline = time.monotonic() + within
    while True:
        last: Any
        try:
            answer = ask()
            if answer:
                return answer
            last = answer
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise LateError(f"{what or 'it'} did not hold within {within:g} s; last seen: {last}", blames)
        time.sleep(every)
