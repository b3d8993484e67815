"""Traces on a terminal: one line each with a duration bar, or one trace as a waterfall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from devctl import text
from devctl.masking import masked
from devctl.queries.traces import Trace
from devctl.queries.waterfall import Row
from devctl.record.spans import attributes, text_of
from devctl.render.logs import for_reading
from devctl.render.table import cut, width

if TYPE_CHECKING:
    from devctl.record.lines import Line
    from devctl.record.spans import Span
    from devctl.render.terminal import Terminal

_BAR = 12
_LONGEST_NAME = 120
_WIDE = 110  # columns from which on there is room for whole ids
_LONGEST_TEXT = 1_000
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVEL_STYLES = {"error": "red", "fatal": "red", "warning": "yellow"}


def listing(traces: Sequence[Trace], terminal: Terminal, *, longest_ns: int = 0, has_head: bool = True) -> list[str]:
    """Return the lines of a table of traces. `longest_ns` is what a full bar means (the longest, unless given)."""
    longest = longest_ns or max((trace.duration_ns for trace in traces), default=1)
    head = f"{'TIME':<12}  {'TRACE':<{_id_width(terminal)}}  {'DURATION':>9}  {'':<{_BAR}}  {'SPANS':>5}  ROOT"
    lines = [terminal.paint(head, "dim")] if has_head else []
    return [*lines, *(_line(trace, terminal, longest) for trace in traces)]


def _id_width(terminal: Terminal) -> int:
    """So much of a trace id is shown; its beginning is enough to ask for it."""
    return 32 if not terminal.is_terminal or terminal.width >= _WIDE else 8


def _line(trace: Trace, terminal: Terminal, longest: int) -> str:
    errors = trace.errors
    trace_id = trace.trace_id[: _id_width(terminal)]
    bar = terminal.paint(f"{_bar(trace.duration_ns / max(longest, 1)):<{_BAR}}", "red" if errors else "cyan")
    moment = terminal.paint(clock(trace.start_ns), "dim")
    took = f"{text.duration(trace.duration_ns / 1e9):>9}"
    room = terminal.width - 48 - len(trace_id) if terminal.is_terminal else 1_000
    return f"{moment}  {trace_id}  {took}  {bar}  {len(trace.spans):>5}  {_told(trace, terminal, max(room, 10))}"


def _told(trace: Trace, terminal: Terminal, room: int) -> str:
    """Return what a trace was, whether it failed, and whom else it touched, in so many columns."""
    failed = f" {text.count(trace.errors, 'error')}" if trace.errors else ""
    name = cut(f"{short(trace.root.service)} {short(trace.root.name)}", max(room - len(failed), 10))
    others = ", ".join(short(service) for service in trace.services if service != trace.root.service)
    left = room - width(name) - len(failed)
    touched = short(f"  → {others}", min(left, _LONGEST_NAME)) if others and left > 10 else ""
    return name + terminal.paint(failed, "red") + terminal.paint(touched, "dim")


def _bar(share: float) -> str:
    eighths = max(round(min(share, 1.0) * _BAR * 8), 1)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def short(name: str, room: int = _LONGEST_NAME) -> str:
    """Return a name or text from outside as it is safe on a terminal, cut to so many columns."""
    return cut(text.clean(name[: room * 8]), room)


def clock(time_ns: int) -> str:
    """Return the local time of day with milliseconds."""
    return (
        datetime.fromtimestamp(time_ns / 1e9).astimezone().strftime("%H:%M:%S.") + f"{time_ns // 1_000_000 % 1000:03d}"
    )


class _Layout(NamedTuple):
    """How a waterfall is laid out: its time, the columns of its names, and all columns."""

    start_ns: int
    whole_ns: int
    column: int
    room: int


def waterfall(
    rows: Sequence[Row], outside: Sequence[Line], terminal: Terminal, *, with_attributes: bool = False
) -> list[str]:
    """Return the lines of a waterfall: the tree on the left, its times as bars on the right, log lines below
    their span. The critical path is marked with ●, what hangs on a link with ⇢."""
    start = min(row.span.start_ns for row in rows)
    whole = max(max(row.span.end_ns for row in rows) - start, 1)
    room = min(terminal.width, 200)
    names = [_name(row) for row in rows]
    column = min(max(width(name) for name in names), max(room // 2, 30))
    layout = _Layout(start, whole, column, room)
    lines = [_head(rows, whole, terminal)]
    for row, name in zip(rows, names, strict=True):
        lines.append(_span_line(row, cut(name, column), layout, terminal))
        indent = "  " * row.depth + "    "
        if with_attributes:
            lines += [terminal.paint(f"{indent}{pair}", "dim") for pair in _pairs(row.span)]
        lines += [shown for line in row.lines for shown in _log_lines(line, indent, terminal)]
    if outside:
        lines += ["", terminal.paint("Lines of this trace outside of any span:", "dim")]
        lines += [shown for line in outside for shown in _log_lines(line, "  ", terminal)]
    return lines


def _head(rows: Sequence[Row], whole: int, terminal: Terminal) -> str:
    services = len({row.span.service for row in rows})
    errors = sum(row.span.error for row in rows)
    traces = len({row.span.trace_id for row in rows})
    parts = [
        f"trace {rows[0].span.trace_id}",
        clock(rows[0].span.start_ns),
        text.duration(whole / 1e9),
        text.count(len(rows), "span"),
        text.count(services, "service"),
    ]
    if traces > 1:
        parts.append(f"{traces} traces joined by links")
    head = terminal.paint(" · ".join(parts), "bold")
    return head + (terminal.paint(f" · {text.count(errors, 'error')}", "red") if errors else "")


def _name(row: Row) -> str:
    mark = "●" if row.is_critical else "⇢" if row.is_linked else " "
    link = "⇢ " if row.is_linked and row.is_critical else ""
    lost = " (its parent is missing)" if row.lacks_parent else ""
    return f"{'  ' * min(row.depth, 30)}{mark} {link}{short(row.span.service)} {short(row.span.name)}{lost}"


def _span_line(row: Row, name: str, layout: _Layout, terminal: Terminal) -> str:
    span = row.span
    times = f"{text.duration(span.duration_ns / 1e9):>8} {'self ' + text.duration(row.self_ns / 1e9):>13}"
    width_left = max(layout.room - layout.column - len(times) - 4, 10)
    before = min(int((span.start_ns - layout.start_ns) / layout.whole_ns * width_left), width_left - 1)
    length = max(min(round(span.duration_ns / layout.whole_ns * width_left), width_left - before), 1)
    style = "red" if span.error else "cyan" if row.is_critical else "blue"
    bar = " " * before + terminal.paint("━" * length if length > 1 else "╸", style)
    padded = name + " " * (layout.column - width(name))
    failed = terminal.paint("  " + (short(span.message.status.message) or "error"), "red") if span.error else ""
    painted = terminal.paint(padded, "red") if span.error else padded
    return f"{painted} {times}  {bar}{failed}"


def _pairs(span: Span) -> Iterable[str]:
    yield from (_pair(key, value) for key, value in sorted(span.attributes.items()))
    for event in span.message.events:
        yield f"event {short(event.name)} at {clock(event.time_unix_nano)}"
        yield from (f"  {_pair(key, value)}" for key, value in sorted(attributes(event.attributes).items()))


def _pair(key: str, value: object) -> str:
    return f"{short(key)} = {short(masked(key, text_of(value)), _LONGEST_TEXT)}"


def _log_lines(line: Line, indent: str, terminal: Terminal) -> list[str]:
    """Return a log line with its fields, and below it what has line breaks."""
    level = line.parsed.level or "info"
    message, fields, below = for_reading(line.parsed)
    head = f"{indent}{clock(line.time_ns)} {level:<7} {short(line.service)}: {short(message, _LONGEST_TEXT)}"
    shown = [
        f"{head}  {short(fields, _LONGEST_TEXT)}".rstrip(),
        *(f"{indent}    {cut(each, _LONGEST_TEXT)}" for each in below),
    ]
    return [terminal.paint(each, _LEVEL_STYLES.get(level, "dim")) for each in shown]
