"""Styled text as the widgets take it: safe on a terminal, measured in columns, cut, padded and wrapped. Pure.

A style is a name that `theme` knows. Nothing here is ever read as markup.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from rich.cells import cell_len, get_character_cell_size

from devctl.text import clean

Cell = tuple[str, str]
Cells = tuple[Cell, ...]
"""Pieces of text with the name of their style ("" is plain)."""

TAB = 8
LONGEST_TEXT = 1 << 16
"""So many characters of a text are drawn: more than any screen holds; copying takes the whole."""


def safe(text: str, most: int = LONGEST_TEXT) -> str:
    """Return text as one line that can do nothing to a terminal; what is longer than `most` ends in an ellipsis."""
    if len(text) > most:
        text = text[: most - 1] + "…"
    if "\t" in text:
        text = text.expandtabs(TAB)
    return clean(text)


@lru_cache(maxsize=4096)
def _second_of_day(seconds: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def time_of_day(time_ns: int) -> str:
    """Return a time of day with milliseconds, in local time."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{_second_of_day(seconds)}.{rest // 1_000_000:03d}"


def per_second(rate: float) -> str:
    """Return a rate in two figures, or whole where it is large."""
    return f"{rate:.2g}" if rate < 10 else f"{rate:.0f}"


def width(text: str) -> int:
    """Return the columns that `text` takes."""
    return len(text) if text.isascii() else cell_len(text)


def columns(cells: Iterable[Cell]) -> int:
    """Return the columns that cells take."""
    return sum(width(text) for text, _ in cells)


def plain(cells: Iterable[Cell]) -> str:
    """Return the text of cells."""
    return "".join(text for text, _ in cells)


def split(text: str, room: int) -> tuple[str, str]:
    """Return what of `text` fits into `room` columns, and the rest."""
    if text.isascii():
        return text[:room], text[room:]
    taken = 0
    for at, character in enumerate(text):
        taken += get_character_cell_size(character)
        if taken > room:
            return text[:at], text[at:]
    return text, ""


def cut(text: str, room: int) -> str:
    """Return `text` in at most `room` columns, with … where something is missing."""
    if width(text) <= room:
        return text
    return split(text, max(room - 1, 0))[0] + ("…" if room > 0 else "")


def fit(text: str, room: int, *, right: bool = False) -> str:
    """Return `text` in exactly `room` columns."""
    text = cut(text, room)
    pad = " " * (room - width(text))
    return pad + text if right else text + pad


def cut_cells(cells: Sequence[Cell], room: int) -> Cells:
    """Return cells in at most `room` columns, with … where something is missing."""
    if columns(cells) <= room:
        return tuple(cells)
    kept: list[Cell] = []
    left = room
    for text, style in cells:
        taken = width(text)
        if taken >= left:
            kept.append((cut(text + " ", left), style))
            break
        kept.append((text, style))
        left -= taken
    return tuple(kept)


def fit_cells(cells: Sequence[Cell], room: int) -> Cells:
    """Return cells in exactly `room` columns."""
    cells = cut_cells(cells, room)
    pad = room - columns(cells)
    return (*cells, (" " * pad, "")) if pad > 0 else cells


def both_ends(left: Sequence[Cell], right: Sequence[Cell], room: int) -> Cells:
    """Return one line with cells at its beginning and at its end; the end gives way first."""
    end = columns(right)
    start = cut_cells(left, room)
    if columns(start) + end + 1 > room:
        return fit_cells(start, room)
    return (*fit_cells(start, room - end), *right)


def indent_in(room: int, indent: int) -> int:
    """Return the indent where it leaves enough of the room, else none."""
    return indent if indent <= room // 2 and room > 3 else 0


def wrap(cells: Sequence[Cell], room: int, indent: int = 0) -> list[Cells]:
    """Return cells in as many lines of at most `room` columns as it takes; all but the first are indented."""
    room = max(room, 1)
    indent = indent_in(room, indent)
    lines: list[Cells] = []
    line: list[Cell] = []
    left = room
    for text, style in cells:
        rest = text
        while rest:
            head, tail = split(rest, left)
            if head:
                line.append((head, style))
                left -= width(head)
            if tail:
                if not head and left == room - indent * bool(lines):  # a wide character in a single column
                    head, tail = "", tail[1:]
                lines.append(tuple(line))
                line = [(" " * indent, "")] if indent else []
                left = room - indent
            rest = tail
    return [*lines, tuple(line)]


def marked(cells: Sequence[Cell], spans: Iterable[tuple[int, int]], style: str) -> Cells:
    """Return cells with the characters of these (start, end) ranges in `style`; ranges are in order."""
    ranges = [(start, end) for start, end in spans if end > start]
    return tuple(_mark(cells, ranges, style)) if ranges else tuple(cells)


def _mark(cells: Sequence[Cell], ranges: list[tuple[int, int]], style: str) -> Iterator[Cell]:
    at = 0
    for text, old in cells:
        end = at + len(text)
        reached = at
        for start, stop in ranges:
            first, last = max(start, reached), min(stop, end)
            if first >= last:
                continue
            if first > reached:
                yield text[reached - at : first - at], old
            yield text[first - at : last - at], style
            reached = last
        if reached < end:
            yield text[reached - at :], old
        at = end
