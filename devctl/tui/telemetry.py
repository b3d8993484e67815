"""Logs and spans of one run for the terminal UI, read from the record by `queries`; the same for all kinds of stack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from devctl.queries.pages import END, Pager
from devctl.record.logs import Query
from devctl.record.watch import Watch

if TYPE_CHECKING:
    from devctl.queries.journey import Entry
    from devctl.queries.map import Edge
    from devctl.queries.traces import Trace
    from devctl.queries.traffic import Load, Traffic
    from devctl.record.span_query import SpanQuery
    from devctl.record.spans import SpanReader
    from devctl.record.store import Run
    from devctl.tui.stack import WholeTrace

LOOK_SECONDS = 0.25
RECENT_LINES = 2_000
"""Entities are picked from so many of the last lines."""
MOST_ENTITIES = 100


class RunTelemetry:
    """What one run recorded. `whole`: it is over, so that its last line counts without an end."""

    def __init__(self, run: Run, now_ns: Callable[[], int], *, whole: bool) -> None:
        self._run, self._now_ns, self._whole = run, now_ns, whole
        self._watch: Watch | None = None
        self._traffic: Traffic | None = None

    def pager(self, query: Query) -> Pager:
        """Return what reads pages of the log lines that a query lets through."""
        return Pager(self._run, query, whole=self._whole)

    def log_changes(self, stop: Callable[[], bool]) -> None:
        """Return when something was written to a log, or after a moment. For one thread."""
        if self._watch is None:
            self._watch = Watch()
        self._watch.add(str(self._run.logs))
        try:
            folders = [entry for entry in self._run.logs.iterdir() if entry.is_dir()]
        except OSError:
            folders = []
        for folder in folders:
            self._watch.add(str(folder))
        while not stop():
            changed = self._watch.wait(LOOK_SECONDS)
            if changed is None or changed:
                return

    @contextmanager
    def _reader(self) -> Iterator[SpanReader | None]:
        reader = self._open()
        try:
            yield reader
        finally:
            if reader:
                reader.close()

    def _open(self) -> SpanReader | None:
        """Return what reads the spans; None while the hub has written none."""
        import sqlite3

        from devctl.record.spans import SpanReader

        try:
            reader = SpanReader(self._run.spans_file)
            if reader.is_ready:
                return reader
            reader.close()
        except sqlite3.Error:
            pass
        return None

    def traces(self, query: SpanQuery) -> list[Trace]:
        """Return the newest traces that match, newest first."""
        from devctl.queries import traces

        with self._reader() as reader:
            return traces.find(reader, query) if reader else []

    def trace(self, trace_id: str) -> WholeTrace | None:
        """Return one trace whole, None when it is not stored."""
        from devctl.queries import traces, waterfall
        from devctl.queries.logs import of_traces
        from devctl.tui.stack import WholeTrace

        with self._reader() as reader:
            ids = reader.complete_id(trace_id) if reader else []
            trace = traces.load(reader, ids[0]) if reader and ids else None
            if trace is None or reader is None:
                return None
            joined = traces.joined(reader, trace)
        rows = waterfall.rows(span for part in joined for span in part.spans)
        lines = of_traces(self._run, [part.trace_id for part in joined])
        return WholeTrace(trace, rows, waterfall.place_lines(rows, lines))

    def journey(self, entity: str) -> list[Entry]:
        """Return what happened to one entity, in order."""
        from devctl.core.spec import Journey
        from devctl.queries import journey

        journeys = [Journey(**each) for each in self._journeys()]
        with self._reader() as reader:
            return journey.collect(self._run, reader, journeys, entity) if reader and journeys else []

    def entity_fields(self) -> list[str]:
        """Return the names of log fields and span attributes that carry the id of an entity."""
        return [each[key] for each in self._journeys() for key in ("field", "attribute") if each.get(key)]

    def entities(self) -> list[str]:
        """Return ids of entities that log lines mentioned lately, the newest first."""
        fields = [str(each.get("field", "")) for each in self._journeys()]
        recent = self.pager(Query()).page(END, RECENT_LINES, 0).lines
        ids: dict[str, None] = {}
        for line in reversed(recent):
            values = line.line.parsed.fields
            ids.update((str(values[name]), None) for name in fields if values.get(name))
            if len(ids) >= MOST_ENTITIES:
                break
        return list(ids)

    def _journeys(self) -> list[dict[str, str]]:
        try:
            journeys = json.loads(self._run.spec_file.read_bytes()).get("journeys", [])
        except (OSError, ValueError, AttributeError):
            return []
        return list(journeys)

    def edges(self, window_seconds: float) -> list[Edge]:
        """Return who called whom lately."""
        from devctl.queries import map as maps

        now = self._now_ns()
        with self._reader() as reader:
            return maps.edges(reader, now - int(window_seconds * 1e9), now) if reader else []

    def loads(self) -> Mapping[str, Load]:
        """Return how busy each service is. For one thread: it keeps its reader."""
        from devctl.queries.traffic import Traffic

        if self._traffic is None:
            reader = self._open()
            if reader is None:
                return {}
            self._traffic = Traffic(reader)
        return self._traffic.loads(self._now_ns())
