"""The one list of the terminal UI, on Textual's line API: rows of styled text, scrolled and dragged over.

It draws what is in sight and nothing else. Wheel events of one frame are summed; a drag selects text of this widget
only, as characters of rows: wrapped lines come out whole, without what is drawn around them.
"""

from __future__ import annotations

from textual import events
from textual.geometry import Size
from textual.strip import Strip

from devctl.tui import messages
from devctl.tui.cells import split
from devctl.tui.widgets.listing import Listing
from devctl.tui.widgets.painting import Painter, Point

WHEEL_LINES = 3
WHEEL_SECONDS = 1 / 60
"""Wheel events that come within a frame are one move."""


class LineView(Listing, can_focus=True):
    """Shows rows; knows nothing of what they mean."""

    ALLOW_SELECT = False  # selecting is done here, within this widget
    DEFAULT_CSS = "LineView { height: 1fr; width: 1fr; }"

    def __init__(self, *, wraps: bool = False, follows: bool = False, empty: str = "", id: str | None = None) -> None:
        super().__init__(wraps=wraps, follows=follows, empty=empty, id=id)
        self._painter = Painter(self)
        self._pressed: Point | None = None
        self._wheel = 0

    def wheel(self, lines: int) -> None:
        """Scroll by so many lines, together with what else comes within this frame."""
        if self._wheel == 0:
            self.set_timer(WHEEL_SECONDS, self._scroll_summed)
        self._wheel += lines

    def _scroll_summed(self) -> None:
        lines, self._wheel = self._wheel, 0
        if lines:
            self.scroll_lines(lines)

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
                self.post_message(messages.LinkOpened(self, link.target))
        self.redraw()

    def point_at(self, x: int, y: int) -> Point | None:
        """Return the row and the character under a point of the widget; beyond the last row, its end."""
        spots = self.lay_out()
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

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def render_line(self, y: int) -> Strip:
        return self._painter.line(y)
