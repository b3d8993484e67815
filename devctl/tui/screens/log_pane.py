"""The reading half of the log view: a window of lines that moves over the record, followed, searched, folded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from devctl.queries.pages import BEGIN, END, Anchor
from devctl.tui import messages
from devctl.tui.screens import log_query, log_rows
from devctl.tui.screens.log_feed import WINDOW, LogFeed, Told
from devctl.tui.screens.log_query import LogFilter
from devctl.tui.screens.log_window import LogWindow
from devctl.tui.screens.view import View
from devctl.tui.widgets.lines import LineView
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.queries.pages import PageLine


class LogPane(View):
    """Shows what the filter lets through; what one does with the lines is `logs`' part."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = LineView(follows=True, wraps=True, empty="no line has come yet")
        self.lines.thumb = self._thumb
        self.lines.on_first, self.lines.on_last = self.to_begin, self.resume
        self.chosen = LogFilter()
        self.folds = False
        self.unseen = 0
        self.done = 1.0
        self.window = LogWindow()
        self._ticket = 0
        self.is_reading = False
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
            self.show(END, follow=True)

    def on_unmount(self) -> None:
        if self._feed:
            self._feed.stop()

    def show(self, anchor: Anchor, *, follow: bool) -> None:
        """Show the lines around an anchor, or what is new."""
        self.lines.pattern = log_query.highlighter(self.chosen)
        self.lines.is_following = follow
        self.unseen, self.done = 0, 0.0
        self._goal = None if follow or anchor == END else anchor
        self.is_reading = True
        if self._feed:
            self._ticket = self._feed.show(log_query.query(self.chosen), anchor, follow=follow)
        self.devctl.model.looked_at_errors(self.chosen.services or self.devctl.model.signs)
        self.update_title()

    def to_begin(self) -> None:
        """Show the first lines of the record, where they are not loaded."""
        if not self.window.at_begin and not self.folds:
            self.show(BEGIN, follow=False)

    def resume(self) -> None:
        """Go on at now."""
        if not self.lines.is_following or not self.window.at_end:
            self.show(END, follow=True)

    # What the feed tells

    def take(self, told: Told) -> None:
        """Take in what the feed hands over."""
        if told.ticket == self._ticket and self.is_ready:
            self.window.span = told.span
            getattr(self, f"_take_{told.kind}")(told)
            self.update_title()

    def _take_page(self, told: Told) -> None:
        self.is_reading, self.done = False, 1.0
        self.window.at_begin, self.window.at_end = told.at_begin, told.at_end
        self.window.lines = list(told.lines)
        self.update()
        self.lines.empty = ((self.EMPTY if not self.chosen.is_empty else "no line has come yet", "dim"),)
        if self._goal and self.window.lines:
            self.lines.go(self.window.index_at(self._goal))
        elif self.window.lines and not self.folds:
            self.lines.go(len(self.window.lines) - 1)

    def _take_searching(self, told: Told) -> None:
        self.done = told.done
        self.window.lines = list(told.lines)
        self.update()

    def _take_before(self, told: Told) -> None:
        self.is_reading, self.done = False, 1.0
        self.window.at_begin = told.at_begin
        self.window.prepend(told.lines)
        if self.folds:
            self.update()
        else:
            self.lines.prepend(self._rows(told.lines), WINDOW)

    def _take_after(self, told: Told) -> None:
        self.is_reading, self.done = False, 1.0
        self.window.at_end = told.at_end
        self._append(told.lines)

    def _take_fresh(self, told: Told) -> None:
        if not self.lines.is_following:
            self.unseen += len(told.lines) + told.skipped
            self.window.at_end = False
            return
        if told.skipped:  # a flood: what was passed over is in the record, and not between these lines
            self.window.clear()
            self.lines.flow.rows.clear()
        self._append(told.lines)

    def _append(self, lines: list[PageLine]) -> None:
        self.window.append(lines)
        if self.folds:
            self.update()
        else:
            self.lines.append(self._rows(lines), WINDOW)

    def _rows(self, lines: Sequence[PageLine]) -> list[Row]:
        room = log_rows.name_width(list(self.devctl.model.services))
        return [log_rows.row(line, self.devctl.clock, room) for line in lines]

    # What the list tells

    def on_edge_reached(self, message: messages.EdgeReached) -> None:
        message.stop()
        if self.is_reading or not self.window.lines or self.folds or self._feed is None:
            return
        if message.at_begin and not self.window.at_begin:
            self.is_reading = True
            self._feed.more(self.window.lines[0].anchor, before=True)
        elif not message.at_begin and not self.window.at_end and not self.lines.is_following:
            self.is_reading = True
            self._feed.more(self.window.lines[-1].end, before=False)

    def on_bar_pressed(self, message: messages.BarPressed) -> None:
        message.stop()
        if message.share >= 1:
            self.resume()
        elif (at_ns := self.window.time_at(message.share)) is not None:
            self.show(Anchor(at_ns), follow=False)

    def on_paused(self, message: messages.Paused) -> None:
        message.stop()
        self.update_title()

    def _thumb(self) -> tuple[float, float]:
        """Return where in the time of the record the lines in sight are."""
        window = self.window
        spots = self.lines.flow.lines()
        is_whole = window.at_begin and window.at_end and len(self.lines.rows) <= len(spots)
        if window.time_at(0) is None or not spots or is_whole:
            return 0.0, 1.0
        if self.lines.is_following:
            return 0.98, 1.0
        first, last = (self.lines.rows[spots[n][0]].data.anchor.time_ns for n in (0, -1))
        return window.share(first, last)

    # What views do

    def rows(self) -> Sequence[Row]:
        if self.folds:
            room = log_rows.name_width(list(self.devctl.model.services))
            return log_rows.folded(self.window.lines, self.devctl.clock, room)
        return self._rows(self.window.lines)

    def update(self) -> None:
        """Show the window; the feed has filtered it."""
        if self.is_ready:
            self.lines.set_rows(self.rows())
            self.update_title()
