"""Traces as people ask for them: found, summed up, tailed while they arrive, joined over links, as OTLP JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from devctl.clock import rfc3339
from devctl.record.span_query import SpanQuery
from devctl.record.spans import Span, SpanReader

MOST_RANKED = 10_000  # traces are held in memory at once, some kB each
QUIET_NS = 300_000_000
"""A trace with a root counts as finished when nothing of it arrived for this long."""
PATIENCE_NS = 3_000_000_000
"""One without a root after this."""


@dataclass(frozen=True)
class Trace:
    """All stored spans of one trace, by start time; never empty."""

    trace_id: str
    spans: tuple[Span, ...]

    @cached_property
    def root(self) -> Span:
        """The span without a parent; where none is stored, the earliest one."""
        ids = {span.span_id for span in self.spans}
        return next(
            (span for span in self.spans if not span.parent_id),
            next((span for span in self.spans if span.parent_id not in ids), self.spans[0]),
        )

    @property
    def has_root(self) -> bool:
        return not self.root.parent_id

    @property
    def start_ns(self) -> int:
        return min(span.start_ns for span in self.spans)

    @property
    def end_ns(self) -> int:
        return max(span.end_ns for span in self.spans)

    @property
    def duration_ns(self) -> int:
        """From the first start to the last end: consumers outlive the root."""
        return self.end_ns - self.start_ns

    @property
    def services(self) -> list[str]:
        """The services touched, in the order of their first span."""
        return list(dict.fromkeys(span.service for span in self.spans))

    @property
    def errors(self) -> int:
        return sum(span.error for span in self.spans)


def load(reader: SpanReader, trace_id: str) -> Trace | None:
    """Return one trace, None when nothing of it is stored."""
    spans = reader.trace(trace_id)
    return Trace(trace_id.lower(), tuple(spans)) if spans else None


def find(reader: SpanReader, query: SpanQuery) -> list[Trace]:
    """Return the newest traces that have a span as `query` says, newest first."""
    traces = [trace for trace_id in reader.find(query) if (trace := load(reader, trace_id))]
    return sorted(traces, key=lambda trace: trace.start_ns, reverse=True)


def longest(reader: SpanReader, query: SpanQuery) -> list[Trace]:
    """Return the longest traces that have a span as `query` says, the longest first."""
    matching = find(reader, replace(query, limit=MOST_RANKED))
    return sorted(matching, key=lambda trace: -trace.duration_ns)[: query.limit]


def joined(reader: SpanReader, trace: Trace) -> list[Trace]:
    """Return `trace` and the traces that hang on it by links, near and far, each once, in order of discovery."""
    traces = {trace.trace_id: trace}
    waiting = [trace]
    while waiting:
        for linked in reader.linked_to(waiting.pop().trace_id):
            if linked.trace_id not in traces and (other := load(reader, linked.trace_id)):
                traces[other.trace_id] = other
                waiting.append(other)
    return list(traces.values())


class Tail:
    """Tells of traces as they finish. Give it the time with each `poll`; it waits for nothing by itself."""

    def __init__(self, reader: SpanReader, query: SpanQuery, *, from_row: int | None = None) -> None:
        self._reader = reader
        self._query = query
        self._row = reader.last() if from_row is None else from_row
        self._open: dict[str, int] = {}

    def poll(self, now_ns: int) -> list[Trace]:
        """Return the traces that finished since the last call and match the query. A trace of which more arrives
        later is told again, so that what its consumers did is not missed."""
        while fresh := self._reader.arrived(self._row):
            self._row = fresh[-1][0]
            self._open.update((trace_id, now_ns) for _, trace_id in fresh)
        return [trace for trace in self._finished(now_ns) if matches(trace, self._query)]

    def _finished(self, now_ns: int) -> Iterator[Trace]:
        for trace_id, seen in list(self._open.items()):
            if now_ns - seen < QUIET_NS:
                continue
            trace = load(self._reader, trace_id)
            if trace is None or trace.has_root or now_ns - seen >= PATIENCE_NS:
                del self._open[trace_id]
                if trace:
                    yield trace


def matches(trace: Trace, query: SpanQuery) -> bool:
    """Tell whether one span of the trace is as `query` says (what `SpanReader.find` asks the database)."""
    from devctl.record.spans import has_attributes

    return any(
        (not query.service or span.service == query.service)
        and (not query.operation or span.name == query.operation)
        and query.min_duration_ns <= span.duration_ns <= query.max_duration_ns
        and query.since_ns <= span.start_ns <= query.until_ns
        and (span.error or not query.errors)
        and has_attributes(span, query.attributes)
        for span in trace.spans
    )


def summary(trace: Trace) -> dict[str, Any]:
    """Return the line of `traces --json`: durations in milliseconds, start as RFC 3339 in UTC."""
    return {
        "trace_id": trace.trace_id,
        "root": trace.root.name,
        "service": trace.root.service,
        "start": rfc3339(trace.start_ns),
        "duration_ms": round(trace.duration_ns / 1e6, 3),
        "spans": len(trace.spans),
        "services": trace.services,
        "errors": trace.errors,
    }


def otlp_json(spans: Sequence[Span]) -> dict[str, Any]:
    """Return spans as OTLP JSON (ids in hex, enums as numbers), grouped by resource and scope."""
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    document = TracesData()
    groups: dict[bytes, Any] = {}
    scopes: dict[tuple[bytes, bytes], Any] = {}
    for span in spans:
        if span.resource_data not in groups:
            groups[span.resource_data] = document.resource_spans.add(resource=span.resource)
        key = (span.resource_data, span.scope_data)
        if key not in scopes:
            scopes[key] = groups[span.resource_data].scope_spans.add(scope=span.scope)
        scopes[key].spans.append(span.message)
    written: dict[str, Any] = _with_hex_ids(MessageToDict(document, use_integers_for_enums=True))
    return written


_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def _with_hex_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: base64.b64decode(item).hex() if key in _IDS and isinstance(item, str) else _with_hex_ids(item)
            for key, item in value.items()
        }
    return [_with_hex_ids(item) for item in value] if isinstance(value, list) else value


def mermaid(traces: Iterable[Trace]) -> str:
    """Return a Mermaid sequence diagram of the calls and messages between services."""
    spans = sorted((span for trace in traces for span in trace.spans), key=lambda span: (span.start_ns, span.id))
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    names = {service: f"s{i}" for i, service in enumerate(dict.fromkeys(span.service for span in spans))}
    lines = ["sequenceDiagram", *(f"    participant {name} as {_word(service)}" for service, name in names.items())]
    for span in spans:
        cause = by_id.get((span.trace_id, span.parent_id)) or next(
            (by_id[link] for link in span.links if link in by_id), None
        )
        if cause and cause.service != span.service:
            arrow = "-)" if span.kind == CONSUMER or not span.parent_id else "->>"
            failed = " (failed)" if span.error else ""
            took = f"{span.duration_ns / 1e6:.1f} ms"
            lines.append(f"    {names[cause.service]}{arrow}{names[span.service]}: {_word(span.name)} {took}{failed}")
    return "\n".join(lines)


CONSUMER = 5  # opentelemetry.proto.trace.v1.Span.SPAN_KIND_CONSUMER


def _word(text: str) -> str:
    """Keep what Mermaid would read as syntax, and control characters, out of a label."""
    return "".join(c if c.isprintable() and c not in "#;:<>" else " " for c in text[:80]) or "?"
