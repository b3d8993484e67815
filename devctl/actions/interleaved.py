"""Finished traces on their way into a stream of log lines, each where it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence

from devctl.actions.finders import open_spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.queries.traces import Trace
    from devctl.record.store import Run

MOST_TRACES = 10_000  # a run's stored traces are held in memory at once, some kB each
FAR_NS = 1 << 63


class InterleavedTraces:
    """The traces of a run that touch one of `services` (none: all): those that are stored, then those that finish."""

    def __init__(self, run: Run, services: Sequence[str], *, since_ns: int | None) -> None:
        from devctl.queries import traces
        from devctl.record.span_query import SpanQuery

        reader = open_spans(run)
        self._services = frozenset(services)
        self._tail = traces.Tail(reader, SpanQuery(since_ns=since_ns or 0))
        stored = traces.find(reader, SpanQuery(since_ns=since_ns or 0, limit=MOST_TRACES))
        self._stored = sorted(filter(self._touches, stored), key=lambda trace: -trace.end_ns)

    @property
    def next_ns(self) -> int:
        """When the next stored trace ended; far away when there is none."""
        return self._stored[-1].end_ns if self._stored else FAR_NS

    def until(self, time_ns: int) -> list[Trace]:
        """Return the stored traces that ended before this and were not returned yet."""
        ended: list[Trace] = []
        while self._stored and self._stored[-1].end_ns <= time_ns:
            ended.append(self._stored.pop())
        return ended

    def newly_finished(self) -> list[Trace]:
        """Return what is left of the stored ones, and those that finished since the last call."""
        return [*self.until(FAR_NS), *filter(self._touches, self._tail.poll(time.time_ns()))]

    def _touches(self, trace: Trace) -> bool:
        return not self._services or not self._services.isdisjoint(trace.services)
