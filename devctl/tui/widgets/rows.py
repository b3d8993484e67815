"""The rows that a line view shows, and how they fill a screen: wrapping, scrolling, what is under a point. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from devctl.tui.cells import Cells, cut_cells, indent_in, plain, wrap


@dataclass(frozen=True, slots=True)
class Link:
    """What stands behind a part of a row's text: characters [start, end)."""

    start: int
    end: int
    target: Any


class Row:
    """One row: its identity, its cells (made when they are first drawn), and what it stands for."""

    __slots__ = ("_cells", "_make", "_text", "data", "indent", "is_head", "key", "links")

    def __init__(
        self,
        key: Hashable,
        cells: Cells | Callable[[], Cells],
        data: Any = None,
        *,
        links: Sequence[Link] = (),
        indent: int = 0,
        is_head: bool = False,
    ) -> None:
        self.key = key
        self._make = cells if callable(cells) else None
        self._cells: Cells | None = None if callable(cells) else cells
        self._text: str | None = None
        self.data = data
        self.links = links
        self.indent = indent
        self.is_head = is_head  # the cursor passes over it

    @property
    def cells(self) -> Cells:
        if self._cells is None:
            assert self._make is not None
            self._cells = self._make()
        return self._cells

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = plain(self.cells)
        return self._text

    def is_like(self, other: Row) -> bool:
        """Tell whether both look alike; rows that are made lazily count as what their key says."""
        return self.key == other.key and (self._make is not None or self.cells == other.cells)


@dataclass(frozen=True, slots=True)
class Piece:
    """One line on the screen: a part of a row's cells, and the character of the row at which it begins.
    `indent`: so many columns before it belong to no character."""

    cells: Cells
    start: int
    indent: int = 0


Spot = tuple[int, int]
"""A row and one of its pieces."""


class Flow:
    """The rows as lines of a certain width, and which of them are in sight. Remembers no more than it draws."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.width = 80
        self.height = 24
        self.wraps = False
        self.top: Spot = (0, 0)

    def pieces(self, index: int) -> list[Piece]:
        """Return the lines of a row."""
        row = self.rows[index]
        if not self.wraps:
            return [Piece(cut_cells(row.cells, self.width), 0)]
        pieces: list[Piece] = []
        start = 0
        indent = indent_in(self.width, row.indent)
        for number, cells in enumerate(wrap(row.cells, self.width, row.indent)):
            skipped = indent if number else 0
            pieces.append(Piece(cells, start, skipped))
            start += sum(len(text) for text, _ in cells) - skipped
        return pieces

    def count(self, index: int) -> int:
        """Return how many lines a row takes."""
        return len(self.pieces(index)) if self.wraps else 1

    def lines(self) -> list[Spot]:
        """Return what is in sight, from the top down."""
        self.settle()
        spots: list[Spot] = []
        index, piece = self.top
        while index < len(self.rows) and len(spots) < self.height:
            many = self.count(index)
            spots += [(index, number) for number in range(piece, many)][: self.height - len(spots)]
            index, piece = index + 1, 0
        return spots

    def settle(self) -> None:
        """Keep the top within what there is, with no empty room below the last row."""
        index, piece = self.top
        index = max(min(index, len(self.rows) - 1), 0)
        self.top = min((index, piece if index == self.top[0] else 0), self.last_top())

    def last_top(self) -> Spot:
        """Return the top that shows the last row at the bottom."""
        return self.above(len(self.rows), self.height)

    def above(self, index: int, count: int) -> Spot:
        """Return the spot so many lines above the row at `index`."""
        while index > 0 and count > 0:
            index -= 1
            many = self.count(index)
            if many >= count:
                return index, many - count
            count -= many
        return (0, 0) if index <= 0 else (index, 0)

    def scroll(self, count: int) -> None:
        """Move the top by so many lines, down when positive."""
        index, piece = self.top
        if count < 0:
            back = -count - piece
            self.top = (index, piece + count) if back <= 0 else self.above(index, back)
        while count > 0 and index < len(self.rows):
            left = self.count(index) - piece
            if count < left:
                self.top = (index, piece + count)
                break
            count -= left
            index, piece = index + 1, 0
            self.top = (index, 0)
        self.settle()

    def reveal(self, index: int) -> None:
        """Bring a row into sight, moving as little as that takes."""
        if not self.rows:
            return
        if (index, 0) < self.top:
            self.top = (index, 0)
        else:
            lowest = self.above(index + 1, self.height)
            if lowest > self.top:
                self.top = min(lowest, (index, 0))
        self.settle()

    def shift(self, count: int) -> None:
        """Follow rows that were put before the first one (or, negative, taken away)."""
        self.top = (max(self.top[0] + count, 0), self.top[1] if self.top[0] + count >= 0 else 0)


def matches(pattern: re.Pattern[str] | None, text: str) -> list[tuple[int, int]]:
    """Return the ranges of a text in which a pattern is found."""
    return [match.span() for match in pattern.finditer(text) if match.group()] if pattern else []


def nearest_free(rows: Sequence[Row], index: int, step: int) -> int:
    """Return the row nearest to `index` in the direction of `step`, else in the other, that may have the cursor."""
    if not rows:
        return 0
    ahead = range(index, len(rows)) if step > 0 else range(index, -1, -1)
    behind = range(index, -1, -1) if step > 0 else range(index, len(rows))
    return next((at for at in (*ahead, *behind) if not rows[at].is_head), index)
