"""What the spans of a run say of the calls between its services: of late, and when all was well."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from devctl.record import span_window
from devctl.record.span_window import SpanRow
from devctl.record.store import Run

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5  # opentelemetry.proto.trace.v1.Span.SpanKind
INTAKE = (SERVER, CONSUMER)
ROWS = 10_000
"""So many spans are looked at of each stretch: a twentieth of a second of work."""

WINDOW_SECONDS = 60.0
"""Of late is within the last minute."""

SETTLED_SECONDS = 1.5
"""A trace that is younger may have spans under way: an SDK sends them twice a second here, each service its own."""

REQUESTS, FIRST_REQUESTS = 40, 25
"""So many requests of an operation stand for it: the last ones for now, the first ones for when all was well. Counted,
not timed: a fault shows soon under load, and one soon after the start is no part of what it is compared with."""

BASELINE_SECONDS = 300.0
"""The first minutes of a run are what later ones are compared with."""

BASELINE_ENOUGH = 10
"""With fewer requests than these the last run is the better comparison."""

_PEERS = ("peer.service", "server.port", "net.peer.port", "url.full", "http.url", "server.address")

K = TypeVar("K")


@dataclass
class Calls:
    """The spans of one kind of work: how many, how many failed, how long they took, and one of each for the pointer."""

    count: int = 0
    errors: int = 0
    durations_ns: list[int] = field(default_factory=list)
    failed: SpanRow | None = None
    first_failed_ns: int = 0
    slowest: SpanRow | None = None

    def add(self, row: SpanRow) -> None:
        """Count one span."""
        self.count += 1
        self.durations_ns.append(row.duration_ns)
        if row.error:
            self.errors += 1
            self.failed = row
            self.first_failed_ns = min(self.first_failed_ns or row.start_ns, row.start_ns)
        if self.slowest is None or row.duration_ns > self.slowest.duration_ns:
            self.slowest = row

    @property
    def share(self) -> float:
        """The share that failed."""
        return self.errors / self.count if self.count else 0.0

    def percentile_ms(self, percent: int) -> float:
        """Return the duration that so many of a hundred do not exceed, 0 for none."""
        return percentile_ms(self.durations_ns, percent)


def percentile_ms(durations_ns: Sequence[int], percent: int) -> float:
    """Return the duration that so many of a hundred do not exceed (the nearest rank), 0 for none."""
    ordered = sorted(durations_ns)
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)] / 1e6 if ordered else 0.0


class Stretch:
    """Spans of one stretch of time, by what they are."""

    def __init__(self, rows: Sequence[SpanRow], *, takes_first: bool = False) -> None:
        self.rows = rows
        self._takes_first = takes_first

    @cached_property
    def by_id(self) -> Mapping[tuple[bytes, bytes], SpanRow]:
        return {(row.trace, row.span): row for row in self.rows}

    @cached_property
    def children(self) -> Mapping[tuple[bytes, bytes], list[SpanRow]]:
        """The spans that each span caused."""
        table: defaultdict[tuple[bytes, bytes], list[SpanRow]] = defaultdict(list)
        for row in self.rows:
            if row.parent:
                table[row.trace, row.parent].append(row)
        return dict(table)

    def children_of(self, row: SpanRow) -> list[SpanRow]:
        """Return the spans that one caused."""
        return self.children.get((row.trace, row.span), [])

    def within(self, row: SpanRow) -> Iterator[SpanRow]:
        """Yield what a request did inside its own service: all below it up to the calls that it made."""
        waiting, seen = list(self.children_of(row)), {row.span}
        while waiting:
            child = waiting.pop()
            if child.span in seen or child.service != row.service or child.kind in INTAKE:
                continue
            seen.add(child.span)
            yield child
            waiting.extend(self.children_of(child))

    def callee(self, row: SpanRow) -> SpanRow | None:
        """Return the request of another service that a call became, None when nobody took it in."""
        return next((child for child in self.children_of(row) if child.service != row.service), None)

    @cached_property
    def operations(self) -> dict[tuple[str, str], Calls]:
        """What each service took in, by operation."""
        return grouped((key, row) for key, rows in self.intake.items() for row in rows)

    @cached_property
    def intake(self) -> dict[tuple[str, str], list[SpanRow]]:
        """Some requests and messages of each operation of each service."""
        table: defaultdict[tuple[str, str], list[SpanRow]] = defaultdict(list)
        for row in self.rows:
            if row.kind in INTAKE and row.service:
                table[row.service, row.operation].append(row)
        return {key: rows[:FIRST_REQUESTS] if self._takes_first else rows[-REQUESTS:] for key, rows in table.items()}

    @cached_property
    def edges(self) -> dict[tuple[str, str], Calls]:
        """Calls and messages by caller and callee, as the callee tells of them."""
        return grouped(self._edges())

    def _edges(self) -> Iterator[tuple[tuple[str, str], SpanRow]]:
        for row in self.rows:
            parent = self.by_id.get((row.trace, row.parent)) if row.parent else None
            if parent is not None and parent.service != row.service and row.service and parent.service:
                yield (parent.service, row.service), row


def grouped(pairs: Iterable[tuple[K, SpanRow]]) -> dict[K, Calls]:
    """Return spans counted by their key."""
    groups: dict[K, Calls] = {}
    for key, row in pairs:
        groups.setdefault(key, Calls()).add(row)
    return groups


class Traffic:
    """The spans of a run of late (`recent`) and when all was well (`baseline`). `since_ns`: how far back `recent`
    goes, where a person says so."""

    def __init__(self, run: Run | None, now_ns: int, since_ns: int = 0) -> None:
        self._run = run
        self._now_ns = now_ns
        self._since_ns = since_ns

    @cached_property
    def _newest(self) -> list[SpanRow]:
        return _read(span_window.newest, self._run)

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Who called whom, in any span that is at hand."""
        return list({**Stretch(self._newest).edges, **self.baseline.edges})

    @cached_property
    def recent(self) -> Stretch:
        """The last moments."""
        since = self._since_ns or self._now_ns - int(WINDOW_SECONDS * 1e9)
        until = self._now_ns - int(SETTLED_SECONDS * 1e9)
        young = {row.trace for row in self._newest if row.end_ns > until}
        return Stretch([row for row in self._newest if row.end_ns >= since and row.trace not in young])

    @cached_property
    def baseline(self) -> Stretch:
        """The first minutes of the run, without the last moments; where little was done then, those of the run before
        it."""
        rows = self._first_minutes
        if sum(row.kind in INTAKE for row in rows) >= BASELINE_ENOUGH or self._run is None:
            return Stretch(rows, takes_first=True)
        return Stretch(_read(span_window.oldest, _run_before(self._run)) or rows, takes_first=True)

    @cached_property
    def _first_minutes(self) -> list[SpanRow]:
        rows = _read(span_window.oldest, self._run)
        if not rows:
            return []
        until = min(row.start_ns for row in rows) + int(BASELINE_SECONDS * 1e9)
        return [row for row in rows if row.end_ns < until]

    def trace(self, trace_id: str) -> list[SpanRow]:
        """Return the spans of one trace, in order of arrival."""
        return span_window.of_trace(self._run.spans_file, bytes.fromhex(trace_id)) if self._run else []

    def traces_with(self, attribute: str, value: str) -> list[str]:
        """Return the traces that have a span with this attribute, the newest first."""
        return span_window.traces_with(self._run.spans_file, attribute, value) if self._run else []

    def attributes(self, rows: Sequence[SpanRow]) -> dict[int, dict[str, Any]]:
        """Return the attributes of some spans of this run, by their number."""
        return span_window.attributes(self._run.spans_file, [row.id for row in rows]) if self._run else {}


def _read(read: Any, run: Run | None) -> list[SpanRow]:
    path: Path | None = run.spans_file if run else None
    return [row for row in read(path, ROWS) if row.service != "devctl"] if path else []


def _run_before(run: Run) -> Run | None:
    """Return the run before one that has spans."""
    earlier = sorted(folder for folder in run.folder.parent.glob("*") if folder.name < run.id)
    return next((Run(folder) for folder in reversed(earlier) if (folder / "record.db").exists()), None)


def peer(attributes: Mapping[str, Any]) -> str:
    """Return what a call says of whom it calls: a name, a port or an address; empty when nothing."""
    return next((str(attributes[key]) for key in _PEERS if attributes.get(key)), "")
