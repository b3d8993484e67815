"""Logs: all services in one stream by time, or any selection; followed, filtered over the whole record, folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devctl.queries.pages import END, Anchor
from devctl.tui import messages
from devctl.tui.cells import Cell, Cells, safe
from devctl.tui.screens import log_query, log_rows
from devctl.tui.screens.log_feed import WINDOW, LogFeed, Told
from devctl.tui.screens.log_query import LogFilter
from devctl.tui.screens.view import Choice, View
from devctl.tui.widgets.lines import LineView
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.queries.pages import PageLine


class Logs(View):
    """A window of lines that moves over the record."""

    NAME = "logs"
    TITLE = "Logs"
    EMPTY = "no line matches"
    ACTIONS = frozenset({"logs", "traces", "details", "why", "follow", "wrap", "fold", "time", "json", "journey",
                         "zoom", "restart", "restart.dependents", "toggle", "kill", "exec", "browse"})  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.lines = LineView(follows=True, wraps=True, empty="no line has come yet")
        self.lines.thumb = self._thumb
        self.lines.on_last = self.resume
        self.chosen = LogFilter()
        self.folds = False
        self.unseen = 0
        self.done = 1.0
        self._window: list[PageLine] = []
        self._at_begin = self._at_end = True
        self._span = (0, 0)
        self._ticket = 0
        self._is_reading = False
        self._goal: Anchor | None = None
        self._feed: LogFeed | None = None

    def ready(self) -> None:
        """Begin to read."""
        remembered = self.devctl.memory.get("logs", {})
        self.lines.flow.wraps = bool(remembered.get("wrap", True))
        self.folds = bool(remembered.get("fold", False))
        self._feed = LogFeed(self.devctl.stack, lambda told: self.devctl.from_thread(self.take, told))
        self._feed.start()
        self.filter = str(remembered.get("filter", ""))
        self.chosen = LogFilter(self.filter)
        if self.pending:
            self.enter(self.pending)
        else:
            self._show(END, follow=True)

    def on_unmount(self) -> None:
        if self._feed:
            self._feed.stop()

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
        self._show(END if at_ns is None else Anchor(int(at_ns)), follow=at_ns is None)

    def _show(self, anchor: Anchor, *, follow: bool) -> None:
        self.lines.pattern = log_query.highlighter(self.chosen)
        self.lines.is_following = follow
        self.unseen, self.done = 0, 0.0
        self._goal = None if follow or anchor == END else anchor
        self._is_reading = True
        if self._feed:
            self._ticket = self._feed.show(log_query.query(self.chosen), anchor, follow=follow)
        self.devctl.model.looked_at_errors(self.chosen.services or self.devctl.model.signs)
        self.update_title()

    def resume(self) -> None:
        """Go on at now."""
        if not self.lines.is_following or not self._at_end:
            self._show(END, follow=True)

    # What the feed tells

    def take(self, told: Told) -> None:
        """Take in what the feed hands over."""
        if told.ticket == self._ticket and self.is_ready:
            self._span = told.span
            getattr(self, f"_take_{told.kind}")(told)
            self.update_title()

    def _take_page(self, told: Told) -> None:
        self._is_reading, self.done = False, 1.0
        self._at_begin, self._at_end = told.at_begin, told.at_end
        self._put(told.lines)
        self.lines.empty = ((self.EMPTY if not self.chosen.is_empty else "no line has come yet", "dim"),)
        if self._goal and self._window:
            goal = next((n for n, line in enumerate(self._window) if not line.anchor < self._goal), -1)
            self.lines.go(goal if goal >= 0 else len(self._window) - 1)
        elif self._window and not self.folds:
            self.lines.go(len(self._window) - 1)

    def _take_searching(self, told: Told) -> None:
        self.done = told.done
        self._put(told.lines)

    def _take_before(self, told: Told) -> None:
        self._is_reading, self.done = False, 1.0
        self._at_begin = told.at_begin
        self._window[:0] = told.lines
        if len(self._window) > WINDOW:
            del self._window[WINDOW:]
            self._at_end = False
        if self.folds:
            self.update()
        else:
            self.lines.prepend(self._rows(told.lines), WINDOW)

    def _take_after(self, told: Told) -> None:
        self._is_reading, self.done = False, 1.0
        self._at_end = told.at_end
        self._append(told.lines)

    def _take_fresh(self, told: Told) -> None:
        if not self.lines.is_following:
            self.unseen += len(told.lines) + told.skipped
            self._at_end = False
            return
        if told.skipped:  # a flood: what was passed over is in the record, and not between these lines
            self._window.clear()
            self.lines.flow.rows.clear()
            self._at_begin = False
        self._append(told.lines)

    def _append(self, lines: list[PageLine]) -> None:
        self._window += lines
        if len(self._window) > WINDOW:
            del self._window[: len(self._window) - WINDOW]
            self._at_begin = False
        if self.folds:
            self.update()
        else:
            self.lines.append(self._rows(lines), WINDOW)

    def _put(self, lines: list[PageLine]) -> None:
        self._window = list(lines)
        self.update()

    def _rows(self, lines: Sequence[PageLine]) -> list[Row]:
        room = log_rows.name_width(list(self.devctl.model.services))
        return [log_rows.row(line, self.devctl.clock, room) for line in lines]

    # What the list tells

    def on_edge_reached(self, message: messages.EdgeReached) -> None:
        message.stop()
        if self._is_reading or not self._window or self.folds or self._feed is None:
            return
        if message.at_begin and not self._at_begin:
            self._is_reading = True
            self._feed.more(self._window[0].anchor, before=True)
        elif not message.at_begin and not self._at_end and not self.lines.is_following:
            self._is_reading = True
            self._feed.more(self._window[-1].end, before=False)

    def on_bar_pressed(self, message: messages.BarPressed) -> None:
        message.stop()
        begin, end = self._span
        if message.share >= 1:
            self.resume()
        elif end > begin:
            self._show(Anchor(begin + int((end - begin) * message.share)), follow=False)

    def on_paused(self, message: messages.Paused) -> None:
        message.stop()
        self.update_title()

    def _thumb(self) -> tuple[float, float]:
        """Return where in the time of the record the lines in sight are."""
        begin, end = self._span
        spots = self.lines.flow.lines()
        if end <= begin or not spots or (self._at_begin and self._at_end and len(self.lines.rows) <= len(spots)):
            return 0.0, 1.0
        if self.lines.is_following:
            return 0.98, 1.0
        first, last = (self.lines.rows[spots[n][0]].data.anchor.time_ns for n in (0, -1))
        return (first - begin) / (end - begin), (last - begin) / (end - begin)

    # What views do

    def rows(self) -> Sequence[Row]:
        if self.folds:
            room = log_rows.name_width(list(self.devctl.model.services))
            return log_rows.folded(self._window, self.devctl.clock, room)
        return self._rows(self._window)

    def update(self) -> None:
        """Show the window; the feed has filtered it."""
        if self.is_ready:
            self.lines.set_rows(self.rows())
            self.update_title()

    def title(self) -> tuple[Cells, Cells]:
        chosen = self.chosen
        what = ", ".join(chosen.services) or "all services"
        left: list[Cell] = [("Logs ", "title"), (safe(what, 80), "accent")]
        if chosen.trace_id:
            left.append((f"  trace {chosen.trace_id[:8]}", "accent"))
        if self.folds:
            left.append(("  folded", "dim"))
        if self._is_reading and self.done < 1:
            left.append((f"  searching … {self.done:.0%}", "busy"))
        return tuple(left), self._state()

    def _state(self) -> Cells:
        if self.lines.is_following:
            return (("following", "good"),) if self.devctl.model.link == "live" else ()
        return ((f" paused · {self.unseen:,} new · End ", "paused"),)

    def reload(self) -> None:
        """Read again."""
        if self.lines.is_following:
            self._show(END, follow=True)

    def set_filter(self, text: str) -> None:
        """Show only lines of the whole record that match."""
        chosen = LogFilter(text, self.chosen.services, self.chosen.trace_id)
        log_query.query(chosen)
        self.chosen, self.filter = chosen, text
        self.devctl.remember("logs", filter=text)
        anchor = self._window[self.lines.cursor].anchor if self._window and not self.folds else END
        follow = self.lines.is_following or not self._window
        self._show(END if follow else anchor, follow=follow)

    def step_back(self) -> bool:
        if self.chosen.services or self.chosen.trace_id:
            self.chosen = LogFilter(self.chosen.text)
            self._show(END, follow=True)
            return True
        if not self.lines.is_following:
            self.resume()
            return True
        return False

    def act(self, name: str) -> bool:
        match name:
            case "follow":
                self.lines.follow(on=False) if self.lines.is_following else self.resume()
            case "wrap":
                self.lines.flow.wraps = not self.lines.flow.wraps
                self.devctl.remember("logs", wrap=self.lines.flow.wraps)
                self.lines.redraw()
            case "fold":
                self.folds = not self.folds
                self.devctl.remember("logs", fold=self.folds)
                self.update()
            case "time":
                self.devctl.ask_time(self._jump)
            case "traces":
                self._to_traces()
            case _:
                return False
        self.update_title()
        return True

    def _jump(self, time_ns: int) -> None:
        self._show(Anchor(time_ns), follow=False)

    def _to_traces(self) -> None:
        line = self._line()
        if line and (trace_id := line.line.parsed.trace_id):
            self.devctl.go_side("trace", trace_id=trace_id)
        elif line:
            self.devctl.go("traces", service=line.line.service)

    def _line(self) -> PageLine | None:
        return self.lines.current.data if self.lines.current else None

    def opened(self, row: Row) -> None:
        self.devctl.view_json(f"{row.data.line.service} · one line", self.as_json(row))

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
        if line is None:
            return []
        parsed = line.line.parsed
        fields = [(name, value if isinstance(value, str) else str(value)) for name, value in parsed.fields.items()]
        trace = [("trace id", parsed.trace_id)] if parsed.trace_id else []
        return [("message", parsed.message), ("line as it was", line.line.text), *trace, *fields]

    def text_of(self, rows: Sequence[Row]) -> str:
        """Return lines as they came, after their time and service."""
        room = log_rows.name_width([row.data.line.service for row in rows])
        return "\n".join(
            f"{self.devctl.clock(row.data.line.time_ns)} {row.data.line.service:<{room}} {row.data.line.text}"
            for row in rows
        )

    def command(self) -> str:
        return log_query.command(self.chosen)
