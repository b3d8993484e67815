"""One trace as a waterfall: spans that collapse, their attributes, events and log lines, and the way on from each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devctl.masking import masked
from devctl.text import count, duration
from devctl.tui.cells import Cell, Cells, cut, cut_cells, safe, width
from devctl.tui.screens import log_rows
from devctl.tui.screens.traces import entity_of
from devctl.tui.screens.view import Choice, View
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.queries.waterfall import Row as SpanRow
    from devctl.record.lines import Line
    from devctl.tui.stack import WholeTrace

DEEPEST = 20
"""Spans deeper than this are indented no further."""


class TraceView(View):
    """The waterfall. Enter collapses a span, `d` shows what it carries."""

    NAME = "trace"
    TITLE = "Trace"
    EMPTY = "Enter on a trace shows it here"
    ACTIONS = frozenset({"logs", "details", "json", "journey", "zoom", "traces", "why"})

    def __init__(self) -> None:
        super().__init__()
        self._trace: WholeTrace | None = None
        self._trace_id = ""
        self._collapsed: set[str] = set()
        self._opened: set[str] = set()

    def enter(self, arguments: Mapping[str, Any]) -> None:
        """Show the trace `trace_id`."""
        trace_id = str(arguments.get("trace_id", ""))
        if trace_id and trace_id != self._trace_id:
            self._trace_id = trace_id
            self._collapsed.clear()
            self._opened.clear()
            self.reload()

    def reload(self) -> None:
        """Read the trace."""
        if trace_id := self._trace_id:
            self.load(lambda: self.devctl.stack.telemetry.trace(trace_id), self._take)

    def _take(self, trace: WholeTrace | None) -> None:
        self._trace = trace
        if trace is None:
            self.lines.empty = (("this trace is not in the record (any more)", "warn"),)
        self.update()
        self.lines.go(0)

    def on_resize(self) -> None:
        self.update()

    def title(self) -> tuple[Cells, Cells]:
        if self._trace is None:
            return (("Trace", "title"),), ()
        trace = self._trace.trace
        what = f"{trace.trace_id[:8]} · {duration(trace.duration_ns / 1e9)} · {count(len(self._trace.rows), 'span')}"
        errors = sum(row.span.error for row in self._trace.rows)
        more: Cells = ((f" · {count(errors, 'error')}", "bad"),) if errors else ()
        return (("Trace ", "title"), (what, "accent"), *more), ()

    def rows(self) -> Sequence[Row]:
        return list(self._rows(self._trace)) if self._trace else []

    def _rows(self, trace: WholeTrace) -> Iterator[Row]:
        room = max(self.size.width - 2, 30)
        start = min(row.span.start_ns for row in trace.rows)
        whole = max(max(row.span.end_ns for row in trace.rows) - start, 1)
        hidden_below: int | None = None
        for number, row in enumerate(trace.rows):
            if hidden_below is not None and row.depth > hidden_below:
                continue
            has_children = number + 1 < len(trace.rows) and trace.rows[number + 1].depth > row.depth
            is_collapsed = row.span.span_id in self._collapsed
            hidden_below = row.depth if is_collapsed else None
            sign = ("▸" if is_collapsed else "▾") if has_children else " "
            yield Row(("span", row.span.trace_id, row.span.span_id), _span_cells(row, sign, start, whole, room), row)
            if row.span.span_id in self._opened:
                yield from _inside(row)
            for number, line in enumerate(row.lines):
                yield self._line_row(line, row.depth, (row.span.span_id, number))
        if trace.loose:
            yield Row(("loose",), (("Lines of this trace outside of any span", "title"),), is_head=True)
        for number, line in enumerate(trace.loose):
            yield self._line_row(line, 0, ("", number))

    def _line_row(self, line: Line, depth: int, key: tuple[str, int]) -> Row:
        parsed = line.parsed
        style = "bad" if parsed.level in ("error", "fatal") else "warn" if parsed.level == "warning" else "dim"
        indent = "  " * min(depth, DEEPEST) + "    ≡ "
        text = f"{self.devctl.clock(line.time_ns)} {safe(line.service)}: {safe(parsed.message)}"
        return Row(("line", *key), ((indent, "dim"), (text, style)), line)

    def opened(self, row: Row) -> None:
        kind = row.key[0] if isinstance(row.key, tuple) else ""
        if kind == "span":
            self._collapsed ^= {row.data.span.span_id}
            self.update()
        elif kind == "line":
            self.devctl.go("logs", at_ns=row.data.time_ns)

    def act(self, name: str) -> bool:
        span = self._span()
        if name == "details" and span:
            self._opened ^= {span.span_id}
            self.update()
        elif name == "logs" and self._trace:
            self.devctl.go("logs", trace_id=self._trace.trace.trace_id)
        else:
            return False
        return True

    def _span(self) -> Any:
        row = self.lines.current
        return row.data.span if row and isinstance(row.key, tuple) and row.key[0] in ("span", "inside") else None

    def services(self) -> list[str]:
        span = self._span()
        return [span.service] if span else []

    def entity(self) -> str:
        """Return the entity that a span of the trace names."""
        names = self.devctl.stack.telemetry.entity_fields()
        return entity_of(names, [row.span for row in self._trace.rows]) if self._trace else ""

    def as_json(self, row: Row) -> Any:
        from devctl.queries.traces import otlp_json

        if self._span() is not None and row.data is not None and hasattr(row.data, "span"):
            return otlp_json([row.data.span])
        return row.text.strip()

    def choices(self) -> list[Choice]:
        span = self._span()
        pairs = [(key, str(value)) for key, value in sorted(span.attributes.items())] if span else []
        names_of_span = [("span id", span.span_id), ("operation", span.name)] if span else []
        return [("trace id", self._trace_id), *names_of_span, *pairs]

    def command(self) -> str:
        return f"devctl traces {self._trace_id}"


def _span_cells(row: SpanRow, sign: str, start: int, whole: int, room: int) -> Cells:
    span = row.span
    names = max(room * 9 // 20, 20)
    mark = "⇢" if row.is_linked else "●" if row.is_critical else " "
    style = "bad" if span.error else ""
    head: list[Cell] = [
        ("  " * min(row.depth, DEEPEST) + f"{sign} ", "dim"), (f"{mark} ", "accent" if row.is_critical else "dim"),
        (f"{safe(span.service, 60)} ", log_rows.tint(span.service)), (safe(span.name, 200), style),
    ]  # fmt: skip
    cells = list(cut_cells(head, names))
    pad = " " * (names - sum(width(text) for text, _ in cells))
    took = f"{duration(span.duration_ns / 1e9):>8} "
    left = max(room - names - len(took) - 1, 6)
    before = min(int((span.start_ns - start) / whole * left), left - 1)
    length = max(min(round(span.duration_ns / whole * left), left - before), 1)
    bar = " " * before + ("━" * length if length > 1 else "╸")
    return (
        *cells,
        (pad + took, style or "dim"),
        (bar, "bad" if span.error else "accent" if row.is_critical else "spark"),
    )


def _inside(row: SpanRow) -> Iterator[Row]:
    """Yield the attributes and events of a span, secrets masked."""
    from devctl.record.spans import attributes, text_of

    span = row.span
    indent = "  " * min(row.depth, DEEPEST) + "      "
    if span.error:
        message = safe(span.message.status.message or "error")
        yield Row(("inside", span.span_id, "!"), ((indent, ""), (message, "bad")), row)
    for key, value in sorted(span.attributes.items()):
        text = cut(safe(masked(key.replace(".", "_"), text_of(value))), 1000)
        yield Row(("inside", span.span_id, key), ((f"{indent}{safe(key)} = ", "dim"), (text, "")), row)
    for number, event in enumerate(span.message.events):
        offset = (event.time_unix_nano - span.start_ns) / 1e9
        pairs = ", ".join(f"{safe(k)}={safe(text_of(v), 500)}" for k, v in sorted(attributes(event.attributes).items()))
        text = f"{indent}+{duration(max(offset, 0))} {safe(event.name)}"
        yield Row(("inside", span.span_id, "event", number), ((text, "warn"), (f"  {pairs}", "dim")), row)
