"""What explains a failing check: the service to blame, and the waterfall of its trace with the log lines in it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from devctl.errors import DevctlError

if TYPE_CHECKING:
    from devctl.record.spans import Span
    from devctl.smoke.stack import RunningStack

MOST_ROWS = 80
WIDTH = 140
SERVER = 2  # opentelemetry.proto.trace.v1.Span.SPAN_KIND_SERVER


def waterfall(stack: RunningStack, trace_id: str) -> str:
    """Return the waterfall of a trace with its log lines, as plain text; empty when nothing of it arrived."""
    from devctl.queries import waterfall as rows_of
    from devctl.render import traces as rendered
    from devctl.render.terminal import Terminal

    together = stack.trace(trace_id)
    if not together:
        return ""
    rows = rows_of.rows(span for trace in together for span in trace.spans)
    try:
        lines = stack.lines_of([trace.trace_id for trace in together])
    except DevctlError:
        lines = []
    outside = rows_of.place_lines(rows, lines)
    terminal = Terminal(io.StringIO(), io.StringIO(), {"COLUMNS": str(WIDTH)}, no_color=True)
    shown = rendered.waterfall(rows[:MOST_ROWS], outside[:MOST_ROWS], terminal)
    more = [f"… and {len(rows) - MOST_ROWS} more spans"] if len(rows) > MOST_ROWS else []
    return "\n".join([*shown, *more])


def culprit(spans: Sequence[Span], accused: str = "", status: int = 0) -> str:
    """Return the service where a failure began: that of the deepest span that failed, else of the deepest one that
    answered with `status`, else the accused."""
    depths = _depths(spans)
    failed = [span for span in spans if span.error]
    if not failed and status >= 400:
        failed = [span for span in spans if _status(span) == status and span.kind == SERVER]
    if not failed:
        return accused
    return max(failed, key=lambda span: (depths[span.span_id], span.start_ns)).service


def slowest(spans: Sequence[Span], accused: str = "") -> str:
    """Return the service that took most of the time by itself."""
    from devctl.queries import waterfall as rows_of

    times: dict[str, int] = {}
    for row in rows_of.rows(spans):
        times[row.span.service] = times.get(row.span.service, 0) + row.self_ns
    return max(times, key=times.__getitem__) if times else accused


def _status(span: Span) -> int:
    value = span.attributes.get("http.response.status_code", 0)
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else 0


def _depths(spans: Sequence[Span]) -> Mapping[str, int]:
    parents = {span.span_id: span.parent_id for span in spans}
    depths: dict[str, int] = {}
    for span in spans:
        depth, at = 0, span.span_id
        while (at := parents.get(at, "")) and depth <= len(parents):
            depth += 1
        depths[span.span_id] = depth
    return depths
