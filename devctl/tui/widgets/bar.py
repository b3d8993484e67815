"""One line of cells: header, titles, the line that says what is wrong, and the footer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from devctl.tui.cells import Cell, both_ends
from devctl.tui.theme import DARK, Palette


class Bar(Widget):
    """Shows cells at its beginning and its end over one ground."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Bar { height: 1; width: 1fr; }"

    def __init__(self, ground: str = "", on_press: Callable[[int], None] | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self.palette: Palette = DARK
        self.ground = ground
        self._left: Sequence[Cell] = ()
        self._right: Sequence[Cell] = ()
        self._on_press = on_press

    def show(self, left: Sequence[Cell], right: Sequence[Cell] = (), *, ground: str | None = None) -> None:
        """Show these cells; nothing is drawn when they are the same as before."""
        ground = self.ground if ground is None else ground
        if (left, right, ground) != (self._left, self._right, self.ground):
            self._left, self._right, self.ground = left, right, ground
            self.refresh()

    @property
    def text(self) -> str:
        """What is shown, for tests and screen readers."""
        return "".join(text for text, _ in (*self._left, *self._right))

    def on_click(self, event: events.Click) -> None:
        if self._on_press:
            event.stop()
            self._on_press(event.x)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        cells = both_ends(self._left, self._right, width)
        style = self.palette.style
        segments = [Segment(text, style(f"{self.ground} {name}")) for text, name in cells if text]
        return Strip(segments, width)
