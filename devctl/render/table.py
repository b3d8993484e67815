"""A small column printer: rich's tables cost 100 ms, which `status` does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devctl.render.terminal import Terminal

Cell = str | tuple[str, str]
"""Text, or text with a style."""
GAP = "  "
LAST_COLUMN = 20  # so much of the last column shall be seen
LEAST = 8  # a cell of which less would be seen is left out, with what follows


def lines(
    heads: Sequence[str], rows: Sequence[Sequence[Cell]], terminal: Terminal, *, right: str = "", spare: str = ""
) -> list[str]:
    """Return the table's lines. Columns named in `right` (words) are set flush right; empty columns are left
    out; those named in `spare` go, first to last, where the terminal is too narrow; the last one is cut."""
    aligned = set(right.split())
    kept = [i for i in range(len(heads)) if any(_plain(row[i]) for row in rows)] if rows else list(range(len(heads)))
    widths = {i: max([width(heads[i]), *(width(_plain(row[i])) for row in rows)]) for i in kept}
    room = terminal.width if terminal.is_terminal else 10_000
    for name in spare.split():
        if _least(widths, kept) <= room:
            break
        kept = [i for i in kept if heads[i] != name]
    table: list[list[Cell]] = [[(heads[i].upper(), "dim") for i in kept], *([row[i] for i in kept] for row in rows)]
    flush = [heads[i] in aligned for i in kept]
    return [_line(row, [widths[i] for i in kept], flush, room, terminal) for row in table]


def _least(widths: Mapping[int, int], kept: Sequence[int]) -> int:
    """Return the columns that a table needs at least: all of it, but of the last column only a beginning."""
    whole = [widths[i] for i in kept]
    return sum(whole[:-1]) + len(GAP) * (len(whole) - 1) + min(sum(whole[-1:]), LAST_COLUMN)


def _line(cells: Sequence[Cell], widths: list[int], right: list[bool], room: int, terminal: Terminal) -> str:
    parts: list[str] = []
    used = 0
    for i, cell in enumerate(cells):
        content = _plain(cell)
        left = room - used
        if left < min(width(content), LEAST):
            break
        content = cut(content, left)
        pad = " " * max(min(widths[i], left) - width(content), 0)
        painted = terminal.paint(content, cell[1]) if isinstance(cell, tuple) and cell[1] else content
        parts.append(pad + painted if right[i] else painted + ("" if i == len(cells) - 1 else pad))
        used += widths[i] + len(GAP)
    return GAP.join(parts).rstrip()


def _plain(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def width(text: str) -> int:
    """Return the columns that `text` takes: wide characters count two, combining ones none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, room: int) -> str:
    """Return `text` shortened to `room` columns, with … where something is missing."""
    if width(text) <= room:
        return text
    text = text[: room * 4]  # marks that combine take no room, but nobody puts many on one letter
    while text and width(text) > room - 1:
        text = text[:-1]
    return text + "…"
