"""The one list of the terminal UI, on Textual's line API: rows of styled text with cursor, marks, follow and selection.

It draws what is in sight and nothing else. Upward moves end following at once; wheel events of one frame are summed;
a drag selects text of this widget only, as characters of rows: wrapped lines come out whole, without what is drawn
around them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from devctl.tui import messages
from devctl.tui.cells import Cells, fit_cells, marked, split
from devctl.tui.theme import DARK, Palette
from devctl.tui.widgets.rows import Flow, Row, matches

if TYPE_CHECKING:
    from devctl.tui.widgets.rows import Piece, Spot

WHEEL_LINES = 3
WHEEL_SECONDS = 1 / 60
"""Wheel events that come within a frame are one move."""

Point = tuple[int, int]
"""A row and a character of it."""


class LineView(Widget, can_focus=True):
    """Shows rows; knows nothing of what they mean."""

    ALLOW_SELECT = False  # selecting is done here, within this widget
    DEFAULT_CSS = "LineView { height: 1fr; width: 1fr; }"

    def __init__(self, *, wraps: bool = False, follows: bool = False, empty: str = "", id: str | None = None) -> None:
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
        self.on_last: Callable[[], None] | None = None
        self.flashing: frozenset[Hashable] = frozenset()
        self.dragged: tuple[Point, Point] | None = None
        self._pressed: Point | None = None
        self._spots: list[Spot] | None = None
        self._wheel = 0

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
        self.cursor = self._free(places.get(key, min(self.cursor, max(len(rows) - 1, 0))), 1)
        self.flow.top = (places.get(top_key, self.flow.top[0]), self.flow.top[1])
        self.marks &= places.keys()
        self.dragged = None
        self._after_change()

    def _replace_in_place(self, rows: Sequence[Row]) -> None:
        """Draw only the lines of rows that look different now."""
        old, self.flow.rows = self.flow.rows, list(rows)
        for y, (index, _) in enumerate(self._lay_out()):
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
            self.post_message(messages.EdgeReached(at_begin=True))
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
        self.cursor = self._free(max(min(index, last), 0), 1 if index > self.cursor else -1)
        self.flow.reveal(0 if all(row.is_head for row in self.flow.rows[: self.cursor]) else self.cursor)
        self.flow.reveal(self.cursor)
        self.post_message(messages.CursorMoved())
        self.redraw()

    def _free(self, index: int, step: int) -> int:
        """Return the row nearest to `index` in the direction of `step`, else in the other, that may have the cursor."""
        rows = self.flow.rows
        if not rows:
            return 0
        ahead = range(index, len(rows)) if step > 0 else range(index, -1, -1)
        behind = range(index, -1, -1) if step > 0 else range(index, len(rows))
        return next((at for at in (*ahead, *behind) if not rows[at].is_head), index)

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
            self.post_message(messages.LinkOpened(row.links[self.link].target))
        elif row:
            self.post_message(messages.Opened(row))

    def wheel(self, lines: int) -> None:
        """Scroll by so many lines, together with what else comes within this frame."""
        if self._wheel == 0:
            self.set_timer(WHEEL_SECONDS, self._scroll_summed)
        self._wheel += lines

    def _scroll_summed(self) -> None:
        lines, self._wheel = self._wheel, 0
        if lines:
            self.scroll_lines(lines)

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

    # Mouse

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.wheel(WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.wheel(-WHEEL_LINES)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button != 1:
            return
        event.stop()
        self.focus()
        if event.x >= self.size.width - 1:
            self.post_message(messages.BarPressed(event.y / max(self.size.height - 1, 1)))
            return
        self.dragged = None
        self._pressed = self.point_at(event.x, event.y)
        self.capture_mouse()
        self.redraw()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._pressed is None:
            return
        event.stop()
        if event.y < 0 or event.y >= self.size.height:
            self.scroll_lines(-1 if event.y < 0 else 1)
        point = self.point_at(event.x, max(min(event.y, self.size.height - 1), 0))
        if point and (point != self._pressed or self.dragged):
            self.dragged = (self._pressed, point)
            if self.is_following:
                self.follow(on=False)
            self.redraw()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._pressed is None:
            return
        event.stop()
        self.release_mouse()
        pressed, self._pressed = self._pressed, None
        if self.dragged:
            self.post_message(messages.Selected(self.selected_text()))
        else:
            self._click(pressed)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.chain == 2 and not self.dragged and event.x < self.size.width - 1:
            self.open_current()

    def _click(self, point: Point) -> None:
        index, character = point
        if index < self.cursor and self.is_following:
            self.follow(on=False)
        self.cursor, self.link = index, -1
        self.post_message(messages.CursorMoved())
        for link in self.flow.rows[index].links:
            if link.start <= character < link.end:
                self.post_message(messages.LinkOpened(link.target))
        self.redraw()

    def point_at(self, x: int, y: int) -> Point | None:
        """Return the row and the character under a point of the widget; beyond the last row, its end."""
        spots = self._lay_out()
        if not spots:
            return None
        if y >= len(spots):
            last = spots[-1][0]
            return last, len(self.flow.rows[last].text)
        index, number = spots[y]
        piece = self.flow.pieces(index)[number]
        text = "".join(part for part, _ in piece.cells)[piece.indent :]
        if not self.flow.wraps:
            text = self.flow.rows[index].text
        inside = split(text, max(x - 1 - piece.indent, 0))[0]
        return index, piece.start + len(inside)

    def selected_text(self) -> str:
        """Return the text that was dragged over: whole rows joined by line ends, however they are wrapped."""
        if not self.dragged:
            return ""
        (first, start), (last, end) = sorted(self.dragged)
        texts = [row.text for row in self.flow.rows[first : last + 1]]
        if not texts:
            return ""
        if len(texts) == 1:
            return texts[0][start:end]
        return "\n".join([texts[0][start:], *texts[1:-1], texts[-1][:end]])

    # Drawing

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def on_resize(self) -> None:
        self._after_change()

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def _lay_out(self) -> list[Spot]:
        self.flow.width = max(self.size.width - 2, 1)  # the mark on the left, the bar on the right
        self.flow.height = max(self.size.height, 1)
        if self._spots is None:
            if self.is_following:
                self.flow.top = self.flow.last_top()
            self._spots = self.flow.lines()
        return self._spots

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        spots = self._lay_out()
        bar = self._bar(y)
        if y < len(spots):
            cells = self._row_cells(*spots[y])
        else:
            cells = ((" ", ""), *self.empty) if y == 0 and not self.flow.rows else ()
        segments = self._segments((*fit_cells(cells, max(width - 1, 0)), bar))
        return Strip(segments, width)

    def _segments(self, cells: Iterable[tuple[str, str]]) -> list[Segment]:
        style = self.palette.style
        return [Segment(text, style(name)) for text, name in cells if text]

    def _row_cells(self, index: int, number: int) -> Cells:
        row = self.flow.rows[index]
        piece = self.flow.pieces(index)[number]
        cells = self._decorated(row, index, piece)
        sign = (" ", "")
        if row.key in self.marks:
            sign = ("▪", "mark")
        if index == self.cursor and self.has_focus:
            sign = ("▌" if row.key not in self.marks else "▪", "focus")
        ground = self._ground(row, index)
        cells = fit_cells((sign, *cells), max(self.size.width - 1, 0))
        return tuple((text, f"{style} {ground}") for text, style in cells) if ground else cells

    def _ground(self, row: Row, index: int) -> str:
        if row.key in self.flashing:
            return "flash"
        if index == self.cursor and not self.is_following:
            return "cursor" if self.has_focus else "idle"
        return ""

    def _decorated(self, row: Row, index: int, piece: Piece) -> Cells:
        """Return the cells of a piece with matches, the chosen link and selected text made visible."""
        cells = piece.cells
        shift = piece.indent - piece.start
        if self.pattern:
            cells = marked(cells, ((a + shift, b + shift) for a, b in matches(self.pattern, row.text)), "match")
        if index == self.cursor and 0 <= self.link < len(row.links):
            link = row.links[self.link]
            cells = marked(cells, [(link.start + shift, link.end + shift)], "match")
        if self.dragged:
            start, end = self._selected_in(index, len(row.text))
            cells = marked(cells, [(max(start + shift, piece.indent), end + shift)], "selection")
        return cells

    def _selected_in(self, index: int, length: int) -> tuple[int, int]:
        assert self.dragged is not None
        (first, start), (last, end) = sorted(self.dragged)
        if not first <= index <= last:
            return 0, 0
        return (start if index == first else 0), (end if index == last else length)

    def _bar(self, y: int) -> tuple[str, str]:
        """Return the sign of the scroll bar in this line."""
        height = max(self.size.height, 1)
        if self.thumb:
            begin, end = self.thumb()
        else:
            count = max(len(self.flow.rows), 1)
            begin, end = self.flow.top[0] / count, (self.flow.top[0] + len(self._spots or ())) / count
        if end - begin >= 1:
            return " ", ""
        first = min(int(begin * height), height - 1)
        last = max(int(end * height + 0.5), first + 1)
        return ("▐", "edge") if first <= y < last else (" ", "")
