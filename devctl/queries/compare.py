"""Two runs compared: calls that came or went, calls for each request, latency, errors, kinds of log lines."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from devctl.queries import logs as log_groups
from devctl.record import logs

if TYPE_CHECKING:
    from devctl.record.spans import Span, SpanReader
    from devctl.record.store import Run

FOREVER_NS = (1 << 63) - 1
LEAST_CALLS = 5
"""A figure of fewer calls says nothing."""
SERVER, CONSUMER = 2, 5  # opentelemetry.proto.trace.v1.Span.SpanKind


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was: `kind` is edge, calls, latency, error or log."""

    kind: str
    subject: str
    before: str
    after: str
    ratio: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return a line of `diff --json`."""
        return asdict(self)


@dataclass(slots=True)
class Figures:
    """What of a run can be compared."""

    requests: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    below: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    edges: set[str] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)
    lines: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How much may change before it is a difference: factors for latency and for calls for each request."""

    latency: float = 1.5
    calls: float = 1.2
    least_ms: float = 10.0


def figures(run: Run, reader: SpanReader | None) -> Figures:
    """Read what can be compared from the record of a run."""
    result = Figures()
    if reader is not None:
        _add_spans(result, list(reader.within(0, FOREVER_NS)))
    for group in log_groups.groups(logs.read_batches(run, logs.Query(level="warning"))):
        result.lines[f"{group.service} {group.level}: {group.template[:200]}"] = group.count
    return result


def _add_spans(result: Figures, spans: Iterable[Span]) -> None:
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    for span in by_id.values():
        name = f"{span.service} {span.name}"
        if span.service == "devctl":
            continue
        if span.kind in (SERVER, CONSUMER):
            result.requests[name].append(span.duration_ns / 1e6)
        if span.error:
            result.errors.add(name)
        parent = by_id.get((span.trace_id, span.parent_id))
        if parent is not None and parent.service != span.service:
            result.edges.add(f"{parent.service} -> {span.service}")
        if (request := _request_of(span, by_id)) is not None:
            result.below[request, name] += 1


def _request_of(span: Span, by_id: Mapping[tuple[str, str], Span]) -> str | None:
    """Return the nearest request or message that a span is part of, None for one that is none's."""
    seen = 0
    parent = by_id.get((span.trace_id, span.parent_id))
    while parent is not None and seen < len(by_id):
        if parent.kind in (SERVER, CONSUMER):
            return f"{parent.service} {parent.name}"
        parent = by_id.get((parent.trace_id, parent.parent_id))
        seen += 1
    return None


def differences(before: Figures, after: Figures, thresholds: Thresholds = Thresholds()) -> Iterator[Difference]:
    """Yield what is not as it was, the structure first."""
    for edge in sorted(before.edges - after.edges):
        yield Difference("edge", edge, "called", "never called")
    for edge in sorted(after.edges - before.edges):
        yield Difference("edge", edge, "never called", "called")
    for name in sorted(after.errors - before.errors):
        yield Difference("error", name, "never failed", "failed")
    yield from _calls(before, after, thresholds)
    yield from _latencies(before, after, thresholds)
    for line in sorted(set(after.lines) - set(before.lines)):
        yield Difference("log", line, "never written", f"written {after.lines[line]} times")


def _calls(before: Figures, after: Figures, thresholds: Thresholds) -> Iterator[Difference]:
    """Yield operations that a request needs more often than it did: one query for each item shows here."""
    for (request, name), count in sorted(after.below.items()):
        was, now = len(before.requests[request]), len(after.requests[request])
        if min(was, now) < LEAST_CALLS:
            continue
        old, new = before.below.get((request, name), 0) / was, count / now
        if new > old * thresholds.calls if old else new >= 1.0:
            ratio = new / old if old else 0.0
            yield Difference("calls", f"{request}: {name}", f"{old:.2g} each", f"{new:.2g} each", round(ratio, 2))


def _latencies(before: Figures, after: Figures, thresholds: Thresholds) -> Iterator[Difference]:
    for name in sorted(set(before.requests) & set(after.requests)):
        old, new = before.requests[name], after.requests[name]
        if min(len(old), len(new)) < LEAST_CALLS:
            continue
        for quantile in (50, 95):
            was, now = percentile(old, quantile), percentile(new, quantile)
            if now > was * thresholds.latency and now - was > thresholds.least_ms:
                label = f"{name} p{quantile}"
                yield Difference("latency", label, f"{was:.1f} ms", f"{now:.1f} ms", round(now / max(was, 1e-3), 2))


def percentile(values: Iterable[float], quantile: int) -> float:
    """Return a percentile by nearest rank."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * quantile // 100) - 1, 0)]


def listing(entries: Iterable[Difference]) -> str:
    """Return differences as JSON lines."""
    return "\n".join(json.dumps(entry.as_json()) for entry in entries)
