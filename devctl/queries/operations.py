"""Spans by what they do: how often each operation ran, how long it took, and how much of that it spent itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from devctl.queries.traces import Trace, matches
from devctl.queries.waterfall import self_time
from devctl.record.span_query import SpanQuery
from devctl.record.spans import Span

MOST_SPANS = 200_000  # are held in memory at once, the newest: some seconds of work, some hundred megabytes


@dataclass(slots=True)
class Operation:
    """The spans of one name in one service. `self_ns` is the time that none of their children covers."""

    service: str
    name: str
    errors: int = 0
    self_ns: int = 0
    durations_ns: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.durations_ns)

    def percentile(self, percent: int) -> int:
        """Return the duration that so many of a hundred spans do not exceed (the nearest rank)."""
        ranked = sorted(self.durations_ns)
        return ranked[max(-(-len(ranked) * percent // 100) - 1, 0)]


def operations(spans: Sequence[Span], query: SpanQuery) -> dict[tuple[str, str], Operation]:
    """Return the operations of those spans that are as `query` says, by service and name; all count as children."""
    children: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        if span.parent_id:
            children[span.trace_id, span.parent_id].append(span)
    by_name: dict[tuple[str, str], Operation] = {}
    for span in spans:
        if matches(Trace(span.trace_id, (span,)), query):
            operation = by_name.setdefault((span.service, span.name), Operation(span.service, span.name))
            operation.durations_ns.append(span.duration_ns)
            operation.errors += span.error
            operation.self_ns += self_time(span, children[span.trace_id, span.span_id])
    return by_name


def ranked(operations: Iterable[Operation], *, by_duration: bool) -> list[Operation]:
    """Return the operations, the one with the most time of its own first, or the one with the longest p95."""
    return sorted(operations, key=lambda each: -(each.percentile(95) if by_duration else each.self_ns))


def as_json(operation: Operation, before: Operation | None, *, is_compared: bool) -> dict[str, Any]:
    """Return the line of `traces --by operation --json`."""
    line = {"service": operation.service, "operation": operation.name, **_figures(operation)}
    return line | {"before": _figures(before) if before else None} if is_compared else line


def _figures(operation: Operation) -> dict[str, Any]:
    percentiles = {f"p{percent}_ms": round(operation.percentile(percent) / 1e6, 3) for percent in (50, 95, 99)}
    self_ms = round(operation.self_ns / 1e6, 3)
    return {"count": operation.count, "errors": operation.errors, **percentiles, "self_ms": self_ms}
