"""Finished traces on their way into a stream of log lines, each where it ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from devctl.actions.finders import open_spans
from devctl.record.lines import severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.queries.traces import Trace
    from devctl.record.query import Query
    from devctl.record.store import Run

MOST_TRACES = 10_000  # a run's stored traces are held in memory at once, some kB each
FAR_NS = 1 << 63


class InterleavedTraces:
    """The traces of a run that a query of its lines lets through: those that are stored, then those that finish.

    A trace has the time of its end, the level `error` when a span failed, else `info`, and the names of its spans as
    text; `belongs` is a further condition on its id.
    """

    def __init__(self, run: Run, query: Query, belongs: Callable[[str], bool] = lambda _: True) -> None:
        from devctl.queries import traces
        from devctl.record.span_query import SpanQuery

        reader = open_spans(run)
        self._query = query
        self._belongs = belongs
        self._services = frozenset(map(_service, query.services))
        self._pattern = re.compile(query.grep, re.IGNORECASE if query.ignore_case else 0)
        self._tail = traces.Tail(reader, SpanQuery(since_ns=query.since_ns or 0))
        stored = traces.find(reader, SpanQuery(limit=MOST_TRACES))
        self._stored = sorted(filter(self._wants, stored), key=lambda trace: -trace.end_ns)

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
        return [*self.until(FAR_NS), *filter(self._wants, self._tail.poll(time.time_ns()))]

    def begin_at(self, time_ns: int) -> None:
        """Pass over the stored traces that ended before: where only the last lines are shown, nothing comes before."""
        self._stored = [trace for trace in self._stored if trace.end_ns >= time_ns]

    def _wants(self, trace: Trace) -> bool:
        query = self._query
        return (
            (not self._services or not self._services.isdisjoint(trace.services))
            and (query.since_ns is None or trace.end_ns >= query.since_ns)
            and (query.until_ns is None or trace.end_ns < query.until_ns)
            and (not query.level or severity("error" if trace.errors else "info") >= severity(query.level))
            and query.trace_id.lower() in ("", trace.trace_id)
            and (not query.grep or any(self._pattern.search(f"{s.service} {s.name}") for s in trace.spans))
            and self._belongs(trace.trace_id)
        )


def _service(name: str) -> str:
    """Return the service of a service or an instance: spans are asked for their service."""
    service, _, number = name.rpartition(".")
    return service if service and number.isdigit() else name
