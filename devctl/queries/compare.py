"""Two runs compared: who calls whom, calls for each request, latency, errors, kinds of log lines, the start."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from devctl.queries import logs as log_groups
from devctl.queries import start_path
from devctl.queries.start_path import Startup
from devctl.record import logs
from devctl.text import duration

if TYPE_CHECKING:
    from devctl.record.spans import Span, SpanReader
    from devctl.record.store import Run

FOREVER_NS = (1 << 63) - 1
LEAST_CALLS = 5
"""A figure of fewer calls says nothing."""
MOST_KEPT = 500
"""So many latencies of one request are kept of a green run."""
SERVER, CONSUMER = 2, 5  # opentelemetry.proto.trace.v1.Span.SpanKind


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was: `kind` is edge, calls, latency, error, log or start."""

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
    below: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(int))
    edges: set[str] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)
    lines: dict[str, int] = field(default_factory=dict)
    startup: Startup = field(default_factory=Startup)

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON data, which `figures_of` reads; of each request no more than a sample is kept."""
        return {
            "requests": {
                name: [round(value, 2) for value in _sample(values)] for name, values in self.requests.items()
            },
            "below": [
                [request, name, count / len(self.requests[request])]
                for (request, name), count in self.below.items()
                if self.requests.get(request)
            ],
            "edges": sorted(self.edges),
            "errors": sorted(self.errors),
            "lines": self.lines,
            "startup": asdict(self.startup),
        }


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How much may change before it is a difference: factors for latency and for calls for each request."""

    latency: float = 1.5
    calls: float = 1.2
    least_ms: float = 10.0
    start: float = 1.5
    least_start_seconds: float = 1.0


def figures(run: Run, reader: SpanReader | None) -> Figures:
    """Read what can be compared from the record of a run."""
    result = Figures()
    if reader is not None:
        _add_spans(result, list(reader.within(0, FOREVER_NS)))
    for group in log_groups.groups(logs.read_batches(run, logs.Query(level="warning"))):
        result.lines[f"{group.service} {group.level}: {group.template[:200]}"] = group.count
    result.startup = start_path.startup(run)
    return result


def figures_of(body: Mapping[str, Any]) -> Figures:
    """Return the figures that `as_json` made `body` from; KeyError, TypeError or ValueError for anything else."""
    result = Figures(edges=set(body["edges"]), errors=set(body["errors"]), lines=dict(body["lines"]))
    for name, values in body["requests"].items():
        result.requests[name] = [float(value) for value in values]
    for request, name, each in body["below"]:
        result.below[request, name] = each * len(result.requests[request])
    result.startup = Startup(dict(body["startup"]["seconds"]), list(body["startup"]["path"]))
    return result


def _sample(values: list[float]) -> list[float]:
    """Return so many of the values, spread over all of them by size, that their quantiles stay."""
    if len(values) <= MOST_KEPT:
        return values
    ordered = sorted(values)
    return [ordered[number * len(ordered) // MOST_KEPT] for number in range(MOST_KEPT)]


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
    yield from _start(before.startup, after.startup, thresholds)


def _start(before: Startup, after: Startup, thresholds: Thresholds) -> Iterator[Difference]:
    """Yield the path of the start, and services, that took much longer."""
    pairs = [("start-up path", before.total, after.total, _path(before), _path(after))]
    for name in sorted(before.seconds.keys() & after.seconds.keys()):
        old, new = before.seconds[name], after.seconds[name]
        pairs.append((f"{name} starts", old, new, duration(old), duration(new)))
    for subject, old, new, was, now in pairs:
        if old and new > old * thresholds.start and new - old > thresholds.least_start_seconds:
            yield Difference("start", subject, was, now, round(new / old, 2))


def _path(startup: Startup) -> str:
    return " → ".join(f"{name} {duration(startup.seconds[name])}" for name in startup.path)


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
