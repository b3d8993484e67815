"""Rows with a cursor: moving, marking, following what is new, and keeping one's place when rows change.

Upward moves end following at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.widget import Widget

from devctl.tui import messages
from devctl.tui.cells import Cells
from devctl.tui.theme import DARK, Palette
from devctl.tui.widgets.rows import Flow, Row, matches, nearest_free

if TYPE_CHECKING:
    from devctl.tui.widgets.painting import Point
    from devctl.tui.widgets.rows import Spot


class Listing(Widget):
    """The rows and where one is in them; how they are drawn and dragged over is `lines`' part."""

    def __init__(self, *, wraps: bool, follows: bool, empty: str, id: str | None) -> None:
        super().__init__(id=id)
        self.flow = Flow()
        self.flow.wraps = wraps
        self.palette: Palette = DARK
        self.cursor = 0
        self.link = -1
        self.marks: set[Hashable] = set()
        self.is_following = follows
        self.empty: Cells = ((empty, "dim"),)
        self.pattern: re.Pattern[str] | None = None
        self.thumb: Callable[[], tuple[float, float]] | None = None
        self.on_first: Callable[[], None] | None = None
        self.on_last: Callable[[], None] | None = None
        self.flashing: frozenset[Hashable] = frozenset()
        self.dragged: tuple[Point, Point] | None = None
        self._spots: list[Spot] | None = None

    @property
    def rows(self) -> Sequence[Row]:
        return self.flow.rows

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        row = self.flow.rows[self.cursor] if self.cursor < len(self.flow.rows) else None
        return None if row is None or row.is_head else row

    def chosen(self) -> list[Row]:
        """Return the marked rows in order, else the one under the cursor."""
        marked_rows = [row for row in self.flow.rows if row.key in self.marks]
        return marked_rows or ([self.current] if self.current else [])

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows; cursor and top stay with what they were on, where it is still there."""
        old = self.flow.rows
        if len(old) == len(rows) and all(map(Row.is_like, rows, old)):
            self.flow.rows = list(rows)
            return
        if not self.flow.wraps and [row.key for row in old] == [row.key for row in rows]:
            self._replace_in_place(rows)
            return
        key = self.current.key if self.current else None
        top_key = old[self.flow.top[0]].key if self.flow.top[0] < len(old) else None
        places = {row.key: index for index, row in enumerate(rows)}
        self.flow.rows = list(rows)
        self.cursor = nearest_free(rows, places.get(key, min(self.cursor, max(len(rows) - 1, 0))), 1)
        self.flow.top = (places.get(top_key, self.flow.top[0]), self.flow.top[1])
        self.marks &= places.keys()
        self.dragged = None
        self._after_change()

    def _replace_in_place(self, rows: Sequence[Row]) -> None:
        """Draw only the lines of rows that look different now."""
        old, self.flow.rows = self.flow.rows, list(rows)
        for y, (index, _) in enumerate(self.lay_out()):
            if not old[index].is_like(rows[index]):
                self.refresh(Region(0, y, self.size.width, 1))

    def append(self, rows: Sequence[Row], most: int) -> None:
        """Add rows at the end; of more than `most` the first ones go."""
        self.flow.rows += rows
        self.trim_begin(most)
        self._after_change()

    def prepend(self, rows: Sequence[Row], most: int) -> None:
        """Add rows at the beginning; what is in sight stays where it is. Of more than `most` the last ones go."""
        self.flow.rows[:0] = rows
        self._shift(len(rows))
        del self.flow.rows[most:]
        self._after_change()

    def trim_begin(self, most: int) -> None:
        """Let the first rows go, so that `most` are left."""
        surplus = len(self.flow.rows) - most
        if surplus > 0:
            del self.flow.rows[:surplus]
            self._shift(-surplus)

    def _shift(self, count: int) -> None:
        self.flow.shift(count)
        self.cursor = max(self.cursor + count, 0)
        if self.dragged:
            start, end = self.dragged
            self.dragged = ((start[0] + count, start[1]), (end[0] + count, end[1]))
            if self.dragged[0][0] < 0:
                self.dragged = None

    def _after_change(self) -> None:
        if self.is_following and self.flow.rows:
            self.cursor = len(self.flow.rows) - 1
            self.flow.top = self.flow.last_top()
        self.cursor = min(self.cursor, max(len(self.flow.rows) - 1, 0))
        self.redraw()

    def redraw(self) -> None:
        """Draw again, since something changed."""
        self._spots = None
        self.refresh()

    def follow(self, *, on: bool = True) -> None:
        """Stay at the end as rows come, or stay here."""
        if self.is_following != on:
            self.is_following = on
            self.post_message(messages.Paused(is_paused=not on))
        if on:
            self._after_change()

    # Moving

    def move(self, name: str) -> None:
        """Move as `keys.MOVES` names it."""
        page = max(self.size.height - 1, 1)
        steps = {"down": 1, "up": -1, "half_down": page // 2 or 1, "half_up": -(page // 2 or 1), "page_down": page,
                 "page_up": -page}  # fmt: skip
        if name in steps:
            self.go(self.cursor + steps[name])
        elif name == "first":
            self.go(0)
            self.on_first() if self.on_first else self.post_message(messages.EdgeReached(at_begin=True))
        elif name == "last":
            self.go(len(self.flow.rows) - 1)
            if self.on_last:
                self.on_last()
        elif name == "mark":
            self.toggle_mark()
        else:
            self._move_link(1 if name == "link_right" else -1)

    def go(self, index: int) -> None:
        """Put the cursor on a row; beyond the ends, on the last one there."""
        last = len(self.flow.rows) - 1
        if last < 0:
            return
        if index < self.cursor and self.is_following:
            self.follow(on=False)
        if index < 0 or index > last:
            self.post_message(messages.EdgeReached(at_begin=index < 0))
        self.link = -1
        self.cursor = nearest_free(self.flow.rows, max(min(index, last), 0), 1 if index > self.cursor else -1)
        self.flow.reveal(0 if all(row.is_head for row in self.flow.rows[: self.cursor]) else self.cursor)
        self.flow.reveal(self.cursor)
        self.post_message(messages.CursorMoved())
        self.redraw()

    def _move_link(self, step: int) -> None:
        count = len(self.current.links) if self.current else 0
        if count:
            self.link = max(min(self.link + step, count - 1), -1)
            self.redraw()

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on."""
        if self.current:
            self.marks ^= {self.current.key}
            self.go(self.cursor + 1) if self.cursor + 1 < len(self.flow.rows) else self.redraw()

    def find(self, step: int) -> bool:
        """Go to the next (or, -1, the previous) row in which the pattern is found; False when there is none."""
        count = len(self.flow.rows)
        for offset in range(1, count + 1):
            index = (self.cursor + step * offset) % count
            if matches(self.pattern, self.flow.rows[index].text):
                if self.is_following:
                    self.follow(on=False)
                self.go(index)
                return True
        return False

    def open_current(self) -> None:
        """Open the link that is chosen in the row, else the row."""
        row = self.current
        if row and 0 <= self.link < len(row.links):
            self.post_message(messages.LinkOpened(self, row.links[self.link].target))
        elif row:
            self.post_message(messages.Opened(self, row))

    def scroll_lines(self, count: int) -> None:
        """Move what is in sight; the cursor comes along when it would leave the screen."""
        if count < 0 and self.is_following:
            self.follow(on=False)
        before = self.flow.top
        self.flow.scroll(count)
        if self.flow.top == before:
            self.post_message(messages.EdgeReached(at_begin=count < 0))
        spots = self.flow.lines()
        if spots:
            self.cursor = max(min(self.cursor, spots[-1][0]), spots[0][0])
        if count > 0 and self.flow.top == self.flow.last_top():
            self.post_message(messages.EdgeReached(at_begin=False))
        self.redraw()

    def on_resize(self) -> None:
        self._after_change()

    def lay_out(self) -> list[Spot]:
        """Return what is in sight, line by line."""
        size = max(self.size.width - 2, 1), max(self.size.height, 1)  # the mark on the left, the bar on the right
        if size != (self.flow.width, self.flow.height):
            self.flow.width, self.flow.height = size
            self._spots = None  # of the size before
        if self._spots is None:
            if self.is_following:
                self.flow.top = self.flow.last_top()
            self._spots = self.flow.lines()
        return self._spots
