"""The part of the record that the log view holds: a window of lines that grows at both ends and never beyond a size.
Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devctl.tui.screens.log_feed import WINDOW

if TYPE_CHECKING:
    from devctl.queries.pages import Anchor, PageLine


@dataclass
class LogWindow:
    """Lines in order. `at_begin`, `at_end`: the record has no line before, or after them."""

    lines: list[PageLine] = field(default_factory=list)
    at_begin: bool = True
    at_end: bool = True
    span: tuple[int, int] = (0, 0)
    """From when to when the record reaches, in nanoseconds."""

    def prepend(self, lines: Sequence[PageLine]) -> None:
        """Put earlier lines before; of too many the last ones go."""
        self.lines[:0] = lines
        if len(self.lines) > WINDOW:
            del self.lines[WINDOW:]
            self.at_end = False

    def append(self, lines: Sequence[PageLine]) -> None:
        """Put later lines after; of too many the first ones go."""
        self.lines += lines
        if len(self.lines) > WINDOW:
            del self.lines[: len(self.lines) - WINDOW]
            self.at_begin = False

    def clear(self) -> None:
        """Let all lines go, since what follows them is not what comes next."""
        self.lines.clear()
        self.at_begin = False

    def index_at(self, anchor: Anchor) -> int:
        """Return the first line that is not before an anchor, else the last one."""
        later = (number for number, line in enumerate(self.lines) if not line.anchor < anchor)
        return next(later, len(self.lines) - 1)

    def share(self, first_ns: int, last_ns: int) -> tuple[float, float]:
        """Return where in the time of the record two times are, from 0 to 1."""
        begin, end = self.span
        return (first_ns - begin) / (end - begin), (last_ns - begin) / (end - begin)

    def time_at(self, share: float) -> int | None:
        """Return the time at a share of the record, None while it has no length."""
        begin, end = self.span
        return begin + int((end - begin) * share) if end > begin else None
