"""Logs: all services in one stream by time, or any selection; followed, filtered over the whole record, folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devctl.queries.pages import END, Anchor
from devctl.tui.cells import Cell, Cells, safe
from devctl.tui.screens import log_query, log_rows
from devctl.tui.screens.log_pane import LogPane
from devctl.tui.screens.log_query import LogFilter
from devctl.tui.screens.view import SERVICE_ACTIONS, Choice
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.queries.pages import PageLine


class Logs(LogPane):
    """What one does with lines: filter, jump, fold, copy, and go on to services, traces and journeys."""

    NAME = "logs"
    TITLE = "Logs"
    EMPTY = "no line matches"
    ACTIONS = SERVICE_ACTIONS | {"follow", "wrap", "fold", "time", "json", "journey", "zoom"}

    def enter(self, arguments: Mapping[str, Any]) -> None:
        """Show lines of `services`, of `trace_id`, around `at_ns`; without arguments stay."""
        if not arguments:
            return
        self.chosen = LogFilter(
            str(arguments.get("filter", "")),
            tuple(arguments.get("services", ())),
            str(arguments.get("trace_id", "")),
        )
        self.filter = self.chosen.text
        at_ns = arguments.get("at_ns")
        self.show(END if at_ns is None else Anchor(int(at_ns)), follow=at_ns is None)

    def title(self) -> tuple[Cells, Cells]:
        chosen = self.chosen
        what = ", ".join(chosen.services) or "all services"
        left: list[Cell] = [("Logs ", "title"), (safe(what, 80), "accent")]
        if chosen.trace_id:
            left.append((f"  trace {chosen.trace_id[:8]}", "accent"))
        if self.folds:
            left.append(("  folded", "dim"))
        if self.is_reading and self.done < 1:
            left.append((f"  searching … {self.done:.0%}", "busy"))
        return tuple(left), self._state()

    def _state(self) -> Cells:
        if self.lines.is_following:
            return (("following", "good"),) if self.devctl.model.link == "live" else ()
        return ((f" paused · {self.unseen:,} new · End ", "paused"),)

    def reload(self) -> None:
        """Read again."""
        if self.lines.is_following:
            self.show(END, follow=True)

    def set_filter(self, text: str) -> None:
        """Show only lines of the whole record that match."""
        chosen = LogFilter(text, self.chosen.services, self.chosen.trace_id)
        log_query.query(chosen)
        self.chosen, self.filter = chosen, text
        self.devctl.memory.update("logs", filter=text)
        lines = self.window.lines
        anchor = lines[self.lines.cursor].anchor if lines and not self.folds else END
        follow = self.lines.is_following or not lines
        self.show(END if follow else anchor, follow=follow)

    def step_back(self) -> bool:
        if self.chosen.services or self.chosen.trace_id:
            self.chosen = LogFilter(self.chosen.text)
            self.show(END, follow=True)
            return True
        if not self.lines.is_following:
            self.resume()
            return True
        return False

    def act(self, name: str) -> bool:
        match name:
            case "follow":
                self.lines.follow(on=False) if self.lines.is_following else self.resume()
            case "wrap" | "fold":
                self._toggle(name)
            case "time":
                self.devctl.verbs.looking.ask_time(self._jump)
            case "traces":
                self._to_traces()
            case _:
                return False
        self.update_title()
        return True

    def _jump(self, time_ns: int) -> None:
        self.show(Anchor(time_ns), follow=False)

    def _toggle(self, name: str) -> None:
        if name == "wrap":
            self.lines.flow.wraps = not self.lines.flow.wraps
            self.devctl.memory.update("logs", wrap=self.lines.flow.wraps)
            self.lines.redraw()
        else:
            self.folds = not self.folds
            self.devctl.memory.update("logs", fold=self.folds)
            self.update()

    def _to_traces(self) -> None:
        line = self._line()
        if line and (trace_id := line.line.parsed.trace_id):
            self.devctl.panes.go_side("trace", trace_id=trace_id)
        elif line:
            self.devctl.go("traces", service=line.line.service)

    def _line(self) -> PageLine | None:
        return self.lines.current.data if self.lines.current else None

    def opened(self, row: Row) -> None:
        self.devctl.verbs.looking.view_json(f"{row.data.line.service} · one line", self.as_json(row))

    def services(self) -> list[str]:
        return list(dict.fromkeys(row.data.line.service for row in self.lines.chosen()))

    def as_json(self, row: Row) -> Any:
        return log_rows.as_json(row.data)

    def entity(self) -> str:
        """Return the entity that the line under the cursor names."""
        line = self._line()
        fields = line.line.parsed.fields if line else {}
        names = self.devctl.stack.telemetry.entity_fields()
        return next((str(fields[name]) for name in names if fields.get(name)), "")

    def choices(self) -> list[Choice]:
        line = self._line()
        return log_rows.choices(line) if line else []

    def text_of(self, rows: Sequence[Row]) -> str:
        """Return lines as they came, after their time and service."""
        return log_rows.text_of([row.data for row in rows], self.devctl.clock)

    def command(self) -> str:
        return log_query.command(self.chosen)
