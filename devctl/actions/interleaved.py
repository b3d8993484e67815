"""Finished traces on their way into a stream of log lines, each where it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from devctl.cli.commands.traces import reader_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.queries.traces import Trace
    from devctl.record.store import Run

MOST_TRACES = 10_000
FAR_NS = 1 << 63
Draw = Callable[["Trace"], bytes]


class Traces:
    """The traces of a run that touch one of `services` (none: all): those that are stored, then those that finish."""

    def __init__(self, recorded: Run, draw: Draw, services: Sequence[str], *, since_ns: int | None) -> None:
        from devctl.queries import traces
        from devctl.record.span_query import SpanQuery

        reader = reader_of(recorded)
        self._draw = draw
        self._services = frozenset(services)
        self._tail = traces.Tail(reader, SpanQuery(since_ns=since_ns or 0))
        stored = traces.find(reader, SpanQuery(since_ns=since_ns or 0, limit=MOST_TRACES))
        self._waiting = sorted(filter(self._wanted, stored), key=lambda trace: -trace.end_ns)

    @property
    def next_ns(self) -> int:
        """When the next stored trace ended; far away when there is none."""
        return self._waiting[-1].end_ns if self._waiting else FAR_NS

    def until(self, time_ns: int) -> bytes:
        """Return the stored traces that ended before this and were not shown yet."""
        shown: list[bytes] = []
        while self._waiting and self._waiting[-1].end_ns <= time_ns:
            shown.append(self._draw(self._waiting.pop()))
        return b"".join(shown)

    def fresh(self) -> bytes:
        """Return what is left of the stored ones, and those that finished since the last call."""
        finished = filter(self._wanted, self._tail.poll(time.time_ns()))
        return self.until(FAR_NS) + b"".join(map(self._draw, finished))

    def _wanted(self, trace: Trace) -> bool:
        return not self._services or not self._services.isdisjoint(trace.services)
