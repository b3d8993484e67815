"""Traces: the newest requests, live, with the filters of `devctl traces`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from devctl.record.span_query import SpanQuery
from devctl.text import count, duration, parse_duration
from devctl.tui import messages
from devctl.tui.cells import Cell, Cells, safe
from devctl.tui.screens.log_rows import tint
from devctl.tui.screens.view import Choice, View, highlight
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.queries.traces import Trace

LIMIT = 100
BAR = 10
TICKS = 2
"""The list is read again every second tick."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


class Traces(View):
    """A list that grows at the end; the newest is last, as in logs. Going up stops it."""

    NAME = "traces"
    TITLE = "Traces"
    EMPTY = "no trace matches; spans arrive up to a second late"
    ACTIONS = frozenset({"logs", "traces", "follow", "json", "journey", "zoom", "details", "why"})

    def __init__(self) -> None:
        super().__init__()
        self.lines.is_following = True
        self.lines.on_last = lambda: self.lines.follow()
        self._traces: list[Trace] = []
        self._arguments: dict[str, Any] = {}
        self._ticks = 0

    def enter(self, arguments: Mapping[str, Any]) -> None:
        """Show traces of `service`, with `errors` only those that failed."""
        if arguments:
            self._arguments = dict(arguments)
            self.filter = str(arguments.get("filter", ""))
        self.reload()

    def span_query(self) -> SpanQuery:
        """Return what is asked for: the arguments, and what the filter says; ValueError when it says nonsense."""
        return query(self.filter, str(self._arguments.get("service", "")), errors=bool(self._arguments.get("errors")))

    def reload(self) -> None:
        """Read the newest traces."""
        made = self.span_query()
        self.load(lambda: self.devctl.stack.telemetry.traces(made), self._take)

    def tick(self) -> None:
        """Read again while the list follows."""
        self._ticks += 1
        if self.lines.is_following and not self.is_loading and self._ticks % TICKS == 0:
            self.reload()

    def _take(self, traces: list[Trace]) -> None:
        self._traces = traces[::-1]
        self.update()
        self._preview()

    def on_cursor_moved(self, message: messages.CursorMoved) -> None:
        self._preview()

    def _preview(self) -> None:
        """Show the trace under the cursor beside the list."""
        beside = self.devctl.panes.views.get("trace")
        if beside and beside.display and self.lines.current:
            beside.enter({"trace_id": self.lines.current.data.trace_id})

    def update(self) -> None:
        """Show the traces; the query has filtered them."""
        if self.is_ready:
            self.lines.pattern = highlight(self.filter)
            self.lines.set_rows(self.rows())
            self.lines.follow(on=self.lines.is_following)
            self.update_title()

    def set_filter(self, text: str) -> None:
        """Ask for what matches."""
        query(text, "")
        self.filter = text
        self.reload()

    def rows(self) -> Sequence[Row]:
        longest = max((trace.duration_ns for trace in self._traces), default=1)
        return [_row(trace, self.devctl.clock, longest) for trace in self._traces]

    def title(self) -> tuple[Cells, Cells]:
        left: list[Cell] = [
            ("Traces ", "title"),
            (safe(str(self._arguments.get("service", "")) or "all services"), "accent"),
        ]
        if self._arguments.get("errors"):
            left.append(("  with errors", "bad"))
        paused: Cells = () if self.lines.is_following else ((" paused · End ", "paused"),)
        return tuple(left), paused

    def on_paused(self, message: messages.Paused) -> None:
        message.stop()
        self.update_title()

    def step_back(self) -> bool:
        if self._arguments:
            self._arguments = {}
            self.reload()
            return True
        if not self.lines.is_following:
            self.lines.follow()
            return True
        return False

    def act(self, name: str) -> bool:
        if name == "follow":
            self.lines.follow(on=not self.lines.is_following)
        elif name == "logs" and self.lines.current:
            self.devctl.go("logs", trace_id=self.lines.current.data.trace_id)
        else:
            return False
        return True

    def opened(self, row: Row) -> None:
        self.lines.follow(on=False)
        self.devctl.panes.go_side("trace", trace_id=row.data.trace_id)

    def services(self) -> list[str]:
        return list(dict.fromkeys(row.data.root.service for row in self.lines.chosen()))

    def entity(self) -> str:
        """Return the entity that a span of the trace names."""
        return entity_of(self.devctl.stack.telemetry.entity_fields(), self.lines.current.data.spans) if (
            self.lines.current) else ""  # fmt: skip

    def as_json(self, row: Row) -> Any:
        from devctl.queries.traces import summary

        return summary(row.data)

    def choices(self) -> list[Choice]:
        return [("trace id", self.lines.current.data.trace_id)] if self.lines.current else []

    def command(self) -> str:
        made = self.span_query()
        parts = ["devctl", "traces"]
        for option, value in (("--service", made.service), ("--operation", made.operation)):
            parts += [option, value] if value else []
        parts += ["--errors"] if made.errors else []
        return shlex.join(parts)


def entity_of(names: Sequence[str], spans: Sequence[Any]) -> str:
    """Return the first entity that the attributes of spans name."""
    for span in spans:
        for name in names:
            if value := span.attributes.get(name):
                return str(value)
    return ""


def query(text: str, service: str, *, errors: bool = False) -> SpanQuery:
    """Return what a filter asks for: `error`, `>100ms`, `key=value`, `service:NAME`, else the name of an operation."""
    made = SpanQuery(service=service, errors=errors, limit=LIMIT)
    for word in text.split():
        key, sign, value = word.partition("=")
        if word in ("error", "errors"):
            made = replace(made, errors=True)
        elif word.startswith((">", "<")):
            bound = int(parse_duration(word[1:]) * 1e9)
            longer = word[0] == ">"
            made = replace(made, min_duration_ns=bound) if longer else replace(made, max_duration_ns=bound)
        elif word.startswith("service:"):
            made = replace(made, service=word.removeprefix("service:"))
        elif sign:
            made = replace(made, attributes=(*made.attributes, (key, value)))
        else:
            made = replace(made, operation=f"{made.operation} {word}".strip())
    return made


def _row(trace: Trace, clock: Any, longest: int) -> Row:
    style = "bad" if trace.errors else ""
    others = ", ".join(safe(service) for service in trace.services if service != trace.root.service)
    cells: list[Cell] = [
        (f"{clock(trace.start_ns)} ", "dim"),
        (f"{duration(trace.duration_ns / 1e9):>8} ", style),
        (f"{bar(trace.duration_ns / max(longest, 1), BAR):<{BAR}} ", style or "spark"),
        (f"{safe(trace.root.service)} ", tint(trace.root.service)),
        (safe(trace.root.name, 200), style),
    ]
    if trace.errors:
        cells.append((f"  ✗ {count(trace.errors, 'error')}", "bad"))
    cells.append((f"  {count(len(trace.spans), 'span')}" + (f" → {others}" if others else ""), "dim"))
    return Row(("trace", trace.trace_id, len(trace.spans)), tuple(cells), trace)


def bar(share: float, room: int) -> str:
    """Return a bar of block characters."""
    eighths = max(round(min(max(share, 0.0), 1.0) * room * 8), 1)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
