"""Copies the output of one container from the engine into the record, each byte once, however often it is resumed.

The engine keeps what a container writes, with the time of each line. The record keeps, with the same times, what was
copied: so it tells by itself where to go on. An entry of its index begins with the first line that has the entry's
time; what was copied since then is skipped when the engine is asked again from that time on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devctl.engine import stream
from devctl.engine.base import Engine
from devctl.keeper.log import SegmentLog
from devctl.keeper.segments import (
    CHUNK,
    ENTRY,
    KIND_SHIFT,
    file_size,
    first_offset,
    index_path,
    log_path,
    segment_numbers,
)

Message = tuple[int, bytes]
"""When a container wrote something (ns since 1970), and what."""

_SAME_NS = 1_000_000  # lines within a millisecond share an entry: an entry for each would be a quarter of the log
_BEFORE_NS = 2_000_000_000  # how far stdout and stderr of one container may be out of order in the engine's log
_GIVE_UP_NS = 1_000_000_000  # past the time that is sought: the engine no longer has it


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the record is: `copied` bytes of what the container wrote at `time_ns` and after."""

    time_ns: int
    copied: int


def last_mark(folder: str) -> Mark | None:
    """Return how far the log in `folder` is, None when it holds nothing of a container."""
    numbers = segment_numbers(folder)
    entries = [entry for number in numbers[-2:] for entry in _entries(folder, number)]
    end = _end(folder, numbers[-1]) if numbers else 0
    spans = [(time_ns, size) for time_ns, is_output, size in _spans(entries, end) if is_output]
    if not spans:
        return None
    last_ns, copied = spans[-1][0], 0
    for time_ns, size in reversed(spans):
        if time_ns != last_ns:
            break
        copied += size
    return Mark(last_ns, copied)


def _entries(folder: str, number: int) -> Iterator[tuple[int, int, int]]:
    data = Path(index_path(folder, number)).read_bytes() if Path(index_path(folder, number)).exists() else b""
    yield from ENTRY.iter_unpack(data[: len(data) // ENTRY.size * ENTRY.size])


def _end(folder: str, number: int) -> int:
    return (first_offset(folder, number) or 0) + file_size(log_path(folder, number))


def _spans(entries: list[tuple[int, int, int]], end: int) -> Iterator[tuple[int, bool, int]]:
    """Yield time, whether the container wrote it, and size of what the entries stand for; not of those overruled."""
    for index, (offset, time_ns, flags) in enumerate(entries):
        until = entries[index + 1][0] if index + 1 < len(entries) else end
        if min(until, end) > offset:
            yield time_ns, flags >> KIND_SHIFT == CHUNK, min(until, end) - offset


class Resumed:
    """Leaves out of what the engine tells again what the record has already."""

    def __init__(self, mark: Mark | None) -> None:
        self._mark = mark
        self._candidates: list[Message] = []
        self._left = mark.copied if mark else 0

    @property
    def since_ns(self) -> int:
        """From when on the engine is to be asked; 0 for everything."""
        return max(self._mark.time_ns - _BEFORE_NS, 1) if self._mark else 0

    def take(self, messages: Iterable[Message]) -> list[Message]:
        """Return those of `messages` that are new."""
        if self._mark is None and not self._left:
            return list(messages)
        return [new for message in messages for new in self._next(message)]

    def rest(self) -> list[Message]:
        """Return what waited for a line that the engine no longer has."""
        candidates, self._candidates = self._candidates, []
        return candidates if self._mark else []

    def _next(self, message: Message) -> list[Message]:
        time_ns, text = message
        if self._mark and time_ns == self._mark.time_ns:
            self._mark, self._candidates = None, []
        if self._mark is None:
            skipped = min(self._left, len(text))
            self._left -= skipped
            return [(time_ns, text[skipped:])] if skipped < len(text) else []
        if time_ns > self._mark.time_ns:
            self._candidates.append(message)
        if time_ns > self._mark.time_ns + _GIVE_UP_NS:
            self._mark, self._left = None, 0
            candidates, self._candidates = self._candidates, []
            return candidates
        return []


class Output:
    """The copying of one container's output. One at a time for each log."""

    def __init__(self, engine: Engine, container: str, log: SegmentLog, *, is_terminal: bool = False) -> None:
        self._engine = engine
        self._container = container
        self._log = log
        self._is_terminal = is_terminal
        self._entry_ns = 0

    async def copy(self, mark: Mark | None) -> None:
        """Copy until the container has ended and all is there; EngineLost when the engine hangs up before."""
        resumed = Resumed(mark)
        self._entry_ns = mark.time_ns if mark else 0
        query = {"follow": "1", "stdout": "1", "stderr": "1", "timestamps": "1"}
        if resumed.since_ns:
            query["since"] = stream.shown_seconds(resumed.since_ns)
        frames = stream.Frames(is_plain=self._is_terminal)
        path = f"/v{self._engine.api_version}/containers/{self._container}/logs"
        async with stream.opened(self._engine.address, "GET", path, query) as answer:
            while data := await answer.read():
                self._write(resumed.take(map(stream.timed, frames.take(data))))
                await asyncio.sleep(0)  # others get their turn, however much a container writes
        self._write(resumed.rest())

    def end(self) -> None:
        """Close the log after the last line of a container."""
        self._log.end_line()

    def _write(self, messages: list[Message]) -> None:
        pieces: list[tuple[int, list[bytes]]] = []
        for time_ns, text in messages:
            if time_ns - self._entry_ns >= _SAME_NS or not self._entry_ns:
                self._entry_ns = time_ns
            if not pieces or pieces[-1][0] != self._entry_ns:
                pieces.append((self._entry_ns, []))
            pieces[-1][1].append(text)
        if pieces:
            self._log.write_all([(time_ns, b"".join(texts)) for time_ns, texts in pieces])
