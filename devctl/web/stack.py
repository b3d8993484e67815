"""What the pages around the boards read: services and `why` over the session; traces, logs, journeys of the record.

Everything here blocks and is called in a thread. It returns plain JSON, in the shapes of the commands' `--json`.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from devctl.paths import STATE_FOLDER, StackPaths
from devctl.record.store import Run
from devctl.text import clean_lines

MOST_LINES = 1_000
MOST_TRACES = 200
MOST_SPANS = 2_000
"""More spans of one trace no page holds; the first ones are shown and the rest is counted."""
LONGEST_MESSAGE = 4_000


class Nothing(Exception):
    """There is nothing to show; the message says why, for a person."""


class StackRecord:
    """The stack that a run belongs to, and what is kept of that run."""

    def __init__(self, run_folder: Path) -> None:
        self.run = Run(run_folder)
        self._paths = stack_paths(run_folder)

    def status(self) -> dict[str, Any]:
        """Return what `status --json` prints."""
        with self._session() as session:
            return dict(session.status())

    def why(self, services: Sequence[str]) -> list[Any]:
        """Return what `why --json` prints."""
        from devctl.diagnosis.why import why

        with self._session() as session:
            return list(why(session, self._paths, services))

    @contextlib.contextmanager
    def _session(self) -> Iterator[Any]:
        """Yield the running stack, or what its last run left."""
        from devctl.actions.recorded import RecordedSession
        from devctl.session.connect import connect

        session = connect(self._paths) or RecordedSession(self._paths)
        try:
            yield session
        finally:
            session.close()

    def services(self) -> list[str]:
        """Return the names of services that have logs or spans."""
        from devctl.record import logs

        names = {label.service for label in logs.labels(self.run)}
        with contextlib.suppress(Nothing), self._spans() as reader:
            names |= set(reader.services())
        return sorted(names)

    def lines(self, query: Mapping[str, str], services: Sequence[str] = ()) -> dict[str, Any]:
        """Return the last log lines that match, and the time to go on from."""
        from devctl.record import logs

        until = time.time_ns()
        wish = logs.Query(
            services=tuple(services),
            since_ns=_nanoseconds(query.get("since")),
            until_ns=_nanoseconds(query.get("until")),
            tail=min(int(query.get("limit") or 300), MOST_LINES),
            level=query.get("level") or None,
            grep=_pattern(query.get("grep", "")),
            ignore_case=True,
            trace_id=query.get("trace", ""),
        )
        shown = [_line(line) for line in logs.read(self.run, wish)]
        return {"lines": shown, "until": until}

    def traces(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return what `traces --json` prints."""
        from devctl.queries import traces
        from devctl.record.span_query import SpanQuery

        wish = SpanQuery(
            service=query.get("service", ""),
            operation=query.get("operation", ""),
            since_ns=_nanoseconds(query.get("since")) or 0,
            until_ns=_nanoseconds(query.get("until")) or (1 << 63) - 1,
            min_duration_ns=int(float(query.get("min_ms") or 0) * 1e6),
            errors=query.get("errors") == "true",
            limit=min(int(query.get("limit") or 50), MOST_TRACES),
        )
        with self._spans() as reader:
            return [traces.summary(trace) for trace in traces.find(reader, wish)]

    def trace(self, trace_id: str) -> dict[str, Any]:
        """Return one trace with those that hang on it as a waterfall with its log lines."""
        from devctl.queries import logs, traces, waterfall

        with self._spans() as reader:
            trace = traces.load(reader, trace_id)
            if trace is None:
                raise Nothing(f"no span of this run belongs to trace {trace_id}")
            all_traces = traces.joined(reader, trace)
            rows = waterfall.rows([span for each in all_traces for span in each.spans])
            left = waterfall.place_lines(rows, logs.of_traces(self.run, [each.trace_id for each in all_traces]))
            return {
                **traces.summary(trace),
                "rows": [_span(row) for row in rows[:MOST_SPANS]],
                "left_out": max(len(rows) - MOST_SPANS, 0),
                "lines": [_line(line) for line in left[:MOST_LINES]],
            }

    def map(self, since_ns: int, until_ns: int) -> list[dict[str, Any]]:
        """Return what `map --json` prints."""
        from devctl.queries import map as service_map

        with self._spans() as reader:
            return [service_map.as_json(edge) for edge in service_map.edges(reader, since_ns, until_ns)]

    def journey(self, identity: str) -> list[dict[str, Any]]:
        """Return what `journey --json` prints."""
        from devctl.core.spec import Journey, from_json
        from devctl.queries import journey

        document = json.loads(self.run.spec_file.read_text())
        declared = [from_json(Journey, entry) for entry in document.get("journeys", [])]
        if not declared:
            raise Nothing("the manifest names no journeys")
        with self._spans() as reader:
            entries = list(journey.as_json(journey.collect(self.run, reader, declared, identity)))
        if not entries:
            raise Nothing(f"no span and no log line of this run knows {identity!r}")
        return entries

    @contextlib.contextmanager
    def _spans(self) -> Iterator[Any]:
        from devctl.record.spans import RecordVersionError, SpanReader

        if not self.run.spans_file.exists():
            raise Nothing("this run has no spans; they come in through the hub")
        try:
            reader = SpanReader(self.run.spans_file)
        except (sqlite3.Error, RecordVersionError) as error:
            raise Nothing(f"the spans cannot be read: {error}") from error
        try:
            if not reader.is_ready:
                raise Nothing("the hub has only just begun; try again in a moment")
            yield reader
        finally:
            reader.close()


def stack_paths(run_folder: Path) -> StackPaths:
    """Return the paths of the stack whose run lies in a folder: FOLDER/.devctl[/projects/NAME]/runs/RUN."""
    state = run_folder.parent.parent
    if state.name == STATE_FOLDER:
        return StackPaths(state.parent)
    return StackPaths(state.parent.parent.parent, state.name)


def _nanoseconds(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _pattern(text: str) -> str:
    """Return a regular expression; what is none is looked for as it stands."""
    try:
        re.compile(text)
    except re.error:
        return re.escape(text)
    return text


def _safe(text: str) -> str:
    """Return what a page shows of a program's text: no colours of a terminal, nothing that hides or turns letters."""
    return clean_lines(text[:LONGEST_MESSAGE])


def _line(line: Any) -> dict[str, Any]:
    from devctl.masking import masked

    parsed = line.parsed
    fields = {key: _safe(masked(key, str(value))) for key, value in parsed.fields.items()}
    return {
        "time_ns": str(line.time_ns),
        "service": line.service,
        "instance": line.instance,
        "level": parsed.level,
        "message": _safe(parsed.message),
        "trace_id": parsed.trace_id,
        "fields": fields,
    }


def _span(row: Any) -> dict[str, Any]:
    from devctl.masking import masked
    from devctl.record.spans import text_of

    span = row.span
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "service": span.service,
        "name": _safe(span.name),
        "kind": span.kind,
        "start_ns": str(span.start_ns),
        "duration_ms": span.duration_ns / 1e6,
        "self_ms": row.self_ns / 1e6,
        "depth": row.depth,
        "error": bool(span.error),
        "message": _safe(span.message.status.message),
        "critical": row.is_critical,
        "linked": row.is_linked,
        "attributes": {
            key: _safe(masked(key.replace(".", "_"), text_of(value))) for key, value in span.attributes.items()
        },
        "events": [each.name for each in span.message.events],
        "lines": [_line(line) for line in row.lines],
    }
