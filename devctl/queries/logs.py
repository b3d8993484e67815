"""Log lines by what they belong to: the lines of traces, and lines merged with finished traces."""

from __future__ import annotations

from collections.abc import Iterable

from devctl.record import logs
from devctl.record.lines import Line
from devctl.record.store import Run


def of_traces(run: Run, trace_ids: Iterable[str]) -> list[Line]:
    """Return the lines that carry one of these trace ids, by time of arrival."""
    found = [line for trace_id in trace_ids for line in logs.read(run, logs.Query(trace_id=trace_id))]
    return sorted(found, key=lambda line: line.time_ns)
