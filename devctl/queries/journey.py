"""What happened to one thing (an order, a payment, …) across calls, events, databases and logs, in time order.

The manifest says under `journeys:` which span attribute and which log field carry the thing's id. Every trace
that touches it belongs to the journey, with the traces that hang on those by links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from devctl.clock import rfc3339
from devctl.core.spec import Journey
from devctl.queries.logs import of_traces
from devctl.queries.traces import CONSUMER, Trace, joined, load
from devctl.record import logs
from devctl.record.lines import Line
from devctl.record.spans import Span, SpanReader
from devctl.record.store import Run

SERVER, CLIENT, PRODUCER = 2, 3, 4  # opentelemetry.proto.trace.v1.Span.SpanKind
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "UPSERT", "REPLACE", "MERGE"})


class EntryKind(StrEnum):
    """What an entry of a journey is."""

    REQUEST = "request"
    CALL = "call"
    PUBLISHED = "published"
    CONSUMED = "consumed"
    DATABASE = "database"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `duration_ns` is 0 for a log line."""

    time_ns: int
    kind: EntryKind
    service: str
    what: str
    duration_ns: int = 0
    is_error: bool = False
    trace_id: str = ""
    span_id: str = ""


def collect(run: Run, reader: SpanReader, journeys: Iterable[Journey], entity: str) -> list[Entry]:
    """Return the entries of one thing's journey by time; empty when nothing knows its id."""
    traces: dict[str, Trace] = {}
    lines: dict[tuple[str, int, bytes], Line] = {}
    for journey in journeys:
        for span in reader.with_attribute(journey.attribute, entity):
            _follow(reader, span.trace_id, traces)
        for line in logs.read(run, logs.Query(grep=re.escape(entity))):
            if line.parsed.fields.get(journey.field) == entity:
                _keep(lines, [line])
                if line.parsed.trace_id:
                    _follow(reader, line.parsed.trace_id, traces)
    _keep(lines, of_traces(run, traces))
    happened = list(_of_spans(traces.values()))
    told = {(entry.trace_id, entry.service, entry.what.replace("→ ", "")) for entry in happened}
    from_logs = map(_of_line, lines.values())
    # An access log that repeats what its request says already is left out.
    more = [entry for entry in from_logs if (entry.trace_id, entry.service, entry.what) not in told]
    return sorted([*happened, *more], key=lambda entry: entry.time_ns)


def _follow(reader: SpanReader, trace_id: str, traces: dict[str, Trace]) -> None:
    if trace_id not in traces and (trace := load(reader, trace_id)):
        traces.update((linked.trace_id, linked) for linked in joined(reader, trace))


def _keep(lines: dict[tuple[str, int, bytes], Line], more: Iterable[Line]) -> None:
    lines.update(((line.instance, line.time_ns, line.raw), line) for line in more)


def _of_spans(traces: Iterable[Trace]) -> Iterator[Entry]:
    spans = [span for trace in traces for span in trace.spans]
    answered = {(span.trace_id, span.parent_id) for span in spans if span.kind == SERVER}
    for span in spans:
        kind = _kind(span, is_answered=(span.trace_id, span.span_id) in answered)
        if kind:
            yield Entry(
                span.start_ns,
                kind,
                span.service,
                _text_of(span, kind),
                span.duration_ns,
                span.error,
                span.trace_id,
                span.span_id,
            )


def _kind(span: Span, *, is_answered: bool) -> EntryKind | None:
    """Sort a span; None for what a journey leaves out: reads, inner work, and calls that their callee tells of."""
    if span.kind == SERVER:
        return EntryKind.REQUEST
    if span.kind == PRODUCER:
        return EntryKind.PUBLISHED
    if span.kind == CONSUMER:
        return EntryKind.CONSUMED
    if "db.system.name" in span.attributes or "db.system" in span.attributes:
        operation = str(span.attributes.get("db.operation.name", span.name)).split(" ")[0].upper()
        return EntryKind.DATABASE if operation in _WRITES else None
    return EntryKind.CALL if span.kind == CLIENT and not is_answered else None


def _text_of(span: Span, kind: EntryKind) -> str:
    attributes = span.attributes
    status = attributes.get("http.response.status_code")
    details: list[Any] = []
    if kind in (EntryKind.REQUEST, EntryKind.CALL) and status is not None:
        details.append(f"→ {status}")
    if kind in (EntryKind.PUBLISHED, EntryKind.CONSUMED):
        details += [
            attributes[key] for key in ("cloudevents.event_type", "messaging.kafka.message.key") if key in attributes
        ]
    return " ".join([span.name, *map(str, details)])


def _of_line(line: Line) -> Entry:
    parsed = line.parsed
    is_error = parsed.level in ("error", "fatal")
    span_id = str(parsed.fields.get("span_id", ""))
    return Entry(line.time_ns, EntryKind.LOG, line.service, parsed.message, 0, is_error, parsed.trace_id or "", span_id)


def as_json(entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    """Yield the lines of `journey --json`."""
    previous = entries[0].time_ns if entries else 0
    for entry in entries:
        yield {
            "time": rfc3339(entry.time_ns),
            "after_ms": round((entry.time_ns - previous) / 1e6, 3),
            "kind": entry.kind.value,
            "service": entry.service,
            "what": entry.what,
            "duration_ms": round(entry.duration_ns / 1e6, 3),
            "error": entry.is_error,
            "trace_id": entry.trace_id,
            "span_id": entry.span_id,
        }
        previous = entry.time_ns
