"""Draws the rows of a list: marks, cursor, matches, what is selected, the scroll bar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.strip import Strip

from devctl.tui.cells import Cells, fit_cells, marked
from devctl.tui.widgets.rows import Row, matches

if TYPE_CHECKING:
    from devctl.tui.widgets.listing import Listing
    from devctl.tui.widgets.rows import Piece

Point = tuple[int, int]
"""A row and a character of it."""


class Painter:
    """Draws one line at a time of one list."""

    def __init__(self, listing: Listing) -> None:
        self._list = listing

    def line(self, y: int) -> Strip:
        """Return a line of the widget."""
        shown = self._list
        width = shown.size.width
        spots = shown.lay_out()
        if y < len(spots):
            cells = self._row_cells(*spots[y])
        else:
            cells = ((" ", ""), *shown.empty) if y == 0 and not shown.rows else ()
        return Strip(self._segments((*fit_cells(cells, max(width - 1, 0)), self._bar(y, len(spots)))), width)

    def _segments(self, cells: Iterable[tuple[str, str]]) -> list[Segment]:
        style = self._list.palette.style
        return [Segment(text, style(name)) for text, name in cells if text]

    def _row_cells(self, index: int, number: int) -> Cells:
        row = self._list.flow.rows[index]
        piece = self._list.flow.pieces(index)[number]
        cells = self._decorated(row, index, piece)
        sign = (" ", "")
        if row.key in self._list.marks:
            sign = ("▪", "mark")
        if index == self._list.cursor and self._list.has_focus:
            sign = ("▌" if row.key not in self._list.marks else "▪", "focus")
        ground = self._ground(row, index)
        cells = fit_cells((sign, *cells), max(self._list.size.width - 1, 0))
        return tuple((text, f"{style} {ground}") for text, style in cells) if ground else cells

    def _ground(self, row: Row, index: int) -> str:
        if row.key in self._list.flashing:
            return "flash"
        if index == self._list.cursor and not self._list.is_following:
            return "cursor" if self._list.has_focus else "idle"
        return ""

    def _decorated(self, row: Row, index: int, piece: Piece) -> Cells:
        """Return the cells of a piece with matches, the chosen link and selected text made visible."""
        cells = piece.cells
        shift = piece.indent - piece.start
        if self._list.pattern:
            cells = marked(cells, ((a + shift, b + shift) for a, b in matches(self._list.pattern, row.text)), "match")
        if index == self._list.cursor and 0 <= self._list.link < len(row.links):
            link = row.links[self._list.link]
            cells = marked(cells, [(link.start + shift, link.end + shift)], "match")
        if self._list.dragged:
            start, end = self._selected_in(index, len(row.text))
            cells = marked(cells, [(max(start + shift, piece.indent), end + shift)], "selection")
        return cells

    def _selected_in(self, index: int, length: int) -> tuple[int, int]:
        assert self._list.dragged is not None
        (first, start), (last, end) = sorted(self._list.dragged)
        if not first <= index <= last:
            return 0, 0
        return (start if index == first else 0), (end if index == last else length)

    def _bar(self, y: int, count_in_sight: int) -> tuple[str, str]:
        """Return the sign of the scroll bar in this line."""
        height = max(self._list.size.height, 1)
        if self._list.thumb:
            begin, end = self._list.thumb()
        else:
            count = max(len(self._list.flow.rows), 1)
            begin, end = self._list.flow.top[0] / count, (self._list.flow.top[0] + count_in_sight) / count
        if end - begin >= 1:
            return " ", ""
        first = min(int(begin * height), height - 1)
        last = max(int(end * height + 0.5), first + 1)
        return ("▐", "edge") if first <= y < last else (" ", "")
