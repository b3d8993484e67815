"""What the terminal UI asks of a stack, whichever stands behind it: one that runs, a past run, or a recording.

The app knows these shapes and nothing else, so that tests hand in a stack of their own. Calls may block: the app
makes them in threads. They raise DevctlError with what happened and what to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from devctl.errors import DevctlError

if TYPE_CHECKING:
    from devctl.diagnosis.views import WhyView
    from devctl.queries.boards import Board, Panel
    from devctl.queries.events import Event, Lag, Topic
    from devctl.queries.journey import Entry
    from devctl.queries.map import Edge
    from devctl.queries.pages import Pager
    from devctl.queries.prometheus import Alert, Series
    from devctl.queries.traces import Trace
    from devctl.queries.traffic import Load
    from devctl.queries.waterfall import Row as SpanRow
    from devctl.record.lines import Line
    from devctl.record.logs import Query
    from devctl.record.span_query import SpanQuery
    from devctl.session.protocol import CheckView, Item, Settled, SpecView

Sink = Callable[["Item"], None]
"""Takes an item of the stream; may be called from any thread."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run that is kept: `started` in seconds since the epoch; `bundle` is the file that it is packed into."""

    id: str
    started: float
    bytes: int
    is_current: bool
    bundle: str = ""


@dataclass(frozen=True, slots=True)
class WholeTrace:
    """One trace with all that hangs on it: its spans as a tree, and the lines that fit no span."""

    trace: Trace
    rows: list[SpanRow]
    loose: list[Line]


@dataclass(frozen=True, slots=True)
class Shell:
    """A program to run in the foreground: what `exec` suspends the terminal UI for."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: str


class Telemetry(Protocol):
    """Logs and spans of one run."""

    def pager(self, query: Query) -> Pager:
        """Return what reads pages of the log lines that a query lets through."""
        ...

    def log_changes(self, stop: Callable[[], bool]) -> None:
        """Return when something was written to a log, soon after `stop` says so, or after a moment."""
        ...

    def traces(self, query: SpanQuery) -> list[Trace]:
        """Return the newest traces that match, newest first."""
        ...

    def trace(self, trace_id: str) -> WholeTrace | None:
        """Return one trace whole, None when it is not stored."""
        ...

    def journey(self, entity: str) -> list[Entry]:
        """Return what happened to one entity, in order."""
        ...

    def entity_fields(self) -> list[str]:
        """Return the names of log fields and span attributes that carry the id of an entity."""
        ...

    def entities(self) -> list[str]:
        """Return ids of entities that were mentioned lately, the newest first."""
        ...

    def edges(self, window_seconds: float) -> list[Edge]:
        """Return who called whom lately."""
        ...

    def loads(self) -> Mapping[str, Load]:
        """Return how busy each service is."""
        ...


class Control(Protocol):
    """What changes a stack, and what is asked of its supervisor."""

    def start(self, services: Sequence[str]) -> Settled: ...
    def stop(self, services: Sequence[str]) -> Settled: ...
    def restart(self, services: Sequence[str], *, with_dependents: bool = False) -> Settled: ...
    def kill(self, services: Sequence[str]) -> list[str]: ...
    def scale(self, counts: Mapping[str, int]) -> Settled: ...
    def add_fault(self, fault: Mapping[str, Any], *, seconds: float | None) -> Mapping[str, Any]: ...
    def remove_faults(self, names: Sequence[str]) -> list[str]: ...
    def check(self, services: Sequence[str]) -> list[CheckView]: ...
    def why(self) -> list[WhyView]: ...
    def spec(self) -> SpecView: ...
    def shell(self, service: str) -> Shell: ...
    def down(self) -> Settled: ...


class Metrics(Protocol):
    """Boards and alerts."""

    def boards(self) -> list[Board]: ...
    def series(
        self, board: Board, panel: Panel, variables: Mapping[str, str], window: tuple[float, float, float]
    ) -> list[tuple[str, Series]]: ...
    def alerts(self) -> list[Alert]: ...


class Broker(Protocol):
    """Topics, groups and messages of the stack's broker."""

    def topics(self) -> list[Topic]: ...
    def lags(self) -> list[Lag]: ...
    def last(self, topic: str, count: int) -> list[Event]: ...
    def dead(self) -> list[Event]: ...
    def replay(self, letters: Sequence[Event]) -> int: ...


class Stack(Protocol):
    """One stack as the terminal UI sees it. `link` says how it is reached, as `Model.link` does."""

    name: str
    link: str
    folder: str
    run_id: str
    telemetry: Telemetry
    control: Control
    metrics: Metrics
    broker: Broker

    def watch(self, sink: Sink, on_link: Callable[[str], None]) -> None:
        """Hand every change to `sink` and every change of the link to `on_link`, until `close`."""
        ...

    def sample(self) -> Item | None:
        """Return the status with figures of CPU and memory as they are now, None when nothing can tell."""
        ...

    def now_ns(self) -> int:
        """Return the time that counts as now: a recording stands still."""
        ...

    def runs(self) -> list[RunInfo]:
        """Return the runs that are kept and the bundles beside the stack, newest first."""
        ...

    def open_run(self, run: RunInfo) -> Stack:
        """Return a past run, or one that was packed, to be read with the same screens. May take time."""
        ...

    def close(self) -> None:
        """End the threads; the stack goes on."""
        ...


def refuse(what: str = "this is a past run: it can be read, not changed") -> DevctlError:
    """Return the error of what cannot be done to a stack that does not run."""
    return DevctlError(what, next="`[` goes back; `devctl up -d` starts the stack.")


class NoControl:
    """Refuses every change, for what is over. Explains with what was recorded."""

    def __init__(self, whys: Callable[[], list[WhyView]] = list, refusal: str = "") -> None:
        self._whys = whys
        self._refusal = refusal

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise refuse(self._refusal) if self._refusal else refuse()

    start = stop = restart = kill = scale = add_fault = remove_faults = check = spec = shell = down = _refuse

    def why(self) -> list[WhyView]:
        """Return what was wrong."""
        return self._whys()


class NoMetrics:
    """Metrics of what does not run: none."""

    def boards(self) -> list[Board]:
        """Return no boards."""
        return []

    def series(self, *_: Any) -> list[tuple[str, Series]]:
        """Return no series."""
        return []

    def alerts(self) -> list[Alert]:
        """Return no alerts."""
        return []


class NoBroker:
    """Refuses to look into a broker that does not run."""

    def _refuse(self, *_: Any) -> Any:
        raise refuse("the messages of a run that is over are gone with its broker")

    topics = lags = last = dead = replay = _refuse
