"""Asks whether an instance has written a line that matches, since it was started. Once seen is seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from devctl.core.checks import LogCheck
from devctl.keeper.segments import ENTRY, first_offset, index_path, log_path, segment_numbers
from devctl.probes.base import Answer, Target, shorten
from devctl.text import visible

_STEP_BYTES = 4 << 20
_CARRY_BYTES = 64 << 10


class LogProbe:
    """Reads on where the last question ended, at most some megabytes per question."""

    def __init__(self, check: LogCheck, target: Target) -> None:
        self._pattern = re.compile(check.pattern.encode(), re.MULTILINE)
        self._folder = str(target.log_folder)
        self._since_ns = target.since_ns
        self._position: tuple[int, int] | None = None  # segment, position in its file
        self._carry = b""
        self._seen: Answer | None = None
        self.describe = f"a log line that matches /{check.pattern}/"

    async def ask(self) -> Answer:
        """Look at what was written since the last question."""
        for piece in self._fresh():
            text = self._carry + piece
            shown = visible(text)
            if match := self._pattern.search(shown):
                line = shown[shown.rfind(b"\n", 0, match.start()) + 1 :].split(b"\n", 1)[0]
                self._seen = Answer(True, f"seen: {shorten(line)}")
                break
            self._carry = text[text.rfind(b"\n") + 1 :][-_CARRY_BYTES:]
        return self._seen or Answer(False, "no such line yet")

    def _fresh(self) -> Iterator[bytes]:
        """Yield the bytes that were not looked at yet."""
        if self._seen:
            return
        self._position = self._position or _begin(self._folder, self._since_ns)
        if self._position is None:
            return
        budget = _STEP_BYTES
        for number in segment_numbers(self._folder):
            segment, position = self._position
            if number < segment or budget <= 0:
                continue
            piece = _read(log_path(self._folder, number), position if number == segment else 0, budget)
            self._position = (number, (position if number == segment else 0) + len(piece))
            budget -= len(piece)
            if piece:
                yield piece


PROBE = LogProbe


def _begin(folder: str, since_ns: int) -> tuple[int, int] | None:
    """Return where the first byte lies that arrived at `since_ns` or later, None when there is none yet."""
    for number in segment_numbers(folder):
        first = first_offset(folder, number)
        for offset, arrival_ns in _entries(index_path(folder, number)):
            if arrival_ns >= since_ns and first is not None:
                return number, offset - first
    return None


def _entries(path: str) -> Iterator[tuple[int, int]]:
    """Yield stream offset and arrival of each entry of an index."""
    try:
        body = Path(path).read_bytes()
    except OSError:
        return
    whole = len(body) - len(body) % ENTRY.size
    for offset, arrival_ns, _ in ENTRY.iter_unpack(body[:whole]):
        yield offset, arrival_ns


def _read(path: str, position: int, most: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(position)
            return file.read(most)
    except OSError:  # rotated away
        return b""
