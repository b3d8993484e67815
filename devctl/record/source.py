"""Reads the log of one instance, from disk, as batches of whole lines: over segments, from a position, on and on.

It never writes, and follows what the keeper does: new segments, evicted ones, files that were taken away.
"""

import contextlib
import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise

from devctl.keeper.segments import (
    ENTRY,
    KIND_SHIFT,
    PARTIAL,
    file_size,
    first_offset,
    index_path,
    log_path,
    segment_numbers,
)
from devctl.record.batch import Batch, Label

BLOCK_BYTES = 1 << 18
PIECE_BYTES = 1 << 20
"""A line longer than this comes in pieces."""


_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Segment:
    """One open segment: its bytes and, of its index, what was needed so far."""

    def __init__(self, folder: str, number: int, base: int) -> None:
        self.number, self.base = number, base
        self._file = os.open(log_path(folder, number), _FLAGS)
        try:
            self._index: int | None = os.open(index_path(folder, number), _FLAGS)
        except OSError:
            self._index = None  # taken away: the lines are still worth reading
        self._read_entries = 0
        self.offsets = array("Q")
        self.times = array("Q")
        self.partials: list[int] = []

    def size(self) -> int:
        return os.fstat(self._file).st_size

    def bytes_at(self, offset: int, count: int) -> bytes:
        return os.pread(self._file, count, offset - self.base)

    def load_index(self) -> None:
        """Read the entries that were added since the last time."""
        if self._index is None:
            return
        size = os.fstat(self._index).st_size // ENTRY.size * ENTRY.size - self._read_entries
        if size <= 0:
            return
        entries = array("Q")
        entries.frombytes(os.pread(self._index, size, self._read_entries)[: size // ENTRY.size * ENTRY.size])
        self._read_entries += size
        self.offsets += entries[0::3]
        self.times += entries[1::3]
        partial = PARTIAL << KIND_SHIFT
        if any(entries[2::3]):
            self.partials += [
                offset for offset, kind in zip(entries[0::3], entries[2::3], strict=True) if kind == partial
            ]

    def close(self) -> None:
        os.close(self._file)
        if self._index is not None:
            os.close(self._index)


class Source:
    """The reading end of one instance's log: where it stands, and what of a line it has so far."""

    def __init__(self, folder: str, label: Label) -> None:
        self.folder = folder
        self.label = label
        self.position = 0  # stream offset of the next byte to read from disk
        self._carry = b""  # the beginning of a line whose end has not come yet
        self._segment: _Segment | None = None
        self._missing = 0
        self._until = 1 << 62

    def read(self, limit: int = BLOCK_BYTES) -> Batch | None:
        """Return the next whole lines, at most about `limit` bytes of them; None when there are none yet."""
        while True:
            segment, is_last = self._at()
            if segment is None or self.position >= self._until:
                return None
            if self._missing:
                return self._notice(segment)
            fresh = segment.bytes_at(self.position, min(limit, self._until - self.position))
            if fresh:
                batch = self._batch(segment, fresh)
                if batch:
                    return batch
            elif is_last:
                return None
            else:
                self._leave()

    def freeze(self) -> None:
        """Make `read` end where the log ends now: frozen at one moment, sources can be merged."""
        numbers = segment_numbers(self.folder)
        if numbers:
            newest = self._segment if self._segment and self._segment.number == numbers[-1] else None
            base = newest.base if newest else first_offset(self.folder, numbers[-1])
            size = newest.size() if newest else file_size(log_path(self.folder, numbers[-1]))
            self._until = 1 << 62 if base is None else base + size

    def rest(self) -> Batch | None:
        """Return the last line, whose end has not come, as if it had."""
        if not self._carry or self._segment is None:
            return None
        data, self._carry = self._carry + b"\n", b""
        segment = self._segment
        segment.load_index()
        return Batch(self.label, data, (len(data),), segment.times[-1:] or (0,), frozenset((len(data) - 1,)))

    def seek_tail(self, count: int) -> bool:
        """Go to where the last `count` lines begin; True when that is the very beginning."""
        self._leave()
        self._carry = b""
        is_last = True
        for number in reversed(segment_numbers(self.folder)):
            base = first_offset(self.folder, number) or 0
            with contextlib.suppress(OSError):
                segment = _Segment(self.folder, number, base)
                size = segment.size()
                ends_line = is_last and size and segment.bytes_at(base + size - 1, 1) == b"\n"
                is_last = is_last and not size
                position, count = _count_back(segment, size - bool(ends_line), count)
                segment.close()
                self.position = base + position
                if position:
                    return False
        return True

    def seek_start(self) -> None:
        """Go to the very beginning."""
        self._leave()
        self.position, self._carry = 0, b""

    def seek_time(self, since_ns: int) -> None:
        """Pass over segments whose lines all arrived before `since_ns`."""
        numbers = segment_numbers(self.folder)
        for number, following in pairwise(numbers):
            if _first_time(self.folder, following) >= since_ns:
                break
            self.position = (first_offset(self.folder, number) or 0) + file_size(log_path(self.folder, number))

    def close(self) -> None:
        """Return the files back; reading may go on later."""
        self._leave()

    def _at(self) -> tuple[_Segment | None, bool]:
        """Return the segment that holds `position`, and whether it is the newest."""
        numbers = segment_numbers(self.folder)
        if self._segment:
            return self._segment, not numbers or numbers[-1] <= self._segment.number
        for number in numbers:
            base = first_offset(self.folder, number)
            base = self.position if base is None else base
            if base + file_size(log_path(self.folder, number)) <= self.position and number != numbers[-1]:
                continue
            with contextlib.suppress(OSError):
                self._segment = _Segment(self.folder, number, base)
                self._enter(base)
                return self._segment, number == numbers[-1]
        return None, True

    def _enter(self, base: int) -> None:
        if base > self.position:
            self._missing = base - self.position
            self.position = base
            self._carry = b""

    def _leave(self) -> None:
        if self._segment:
            self._segment.close()
            self._segment = None

    def _notice(self, segment: _Segment) -> Batch:
        """Say in a line of its own what is no longer there."""
        missing, self._missing = self._missing, 0
        segment.load_index()
        note = (
            f'{{"level": "info", "message": "{missing} bytes left out: this log is over its cap", '
            f'"fields": {{"devctl.evicted.bytes": {missing}}}}}\n'
        ).encode()
        return Batch(self.label, note, (len(note),), segment.times[:1] or (0,))

    def _batch(self, segment: _Segment, fresh: bytes) -> Batch | None:
        start = self.position - len(self._carry)
        cut = fresh.rfind(b"\n") + 1
        if cut:
            self.position += cut  # the beginning of the next line is read again with its rest
            data, self._carry = self._carry + fresh[:cut] if self._carry else fresh[:cut], b""
            return self._with_times(segment, start, data)
        self.position += len(fresh)
        self._carry += fresh
        if len(self._carry) < PIECE_BYTES:
            return None
        data, self._carry = self._carry + b"\n", b""
        return self._with_times(segment, start, data, piece=True)

    def _with_times(self, segment: _Segment, start: int, data: bytes, *, piece: bool = False) -> Batch:
        segment.load_index()
        ends, times = _marks(segment, start, start + len(data))
        partials = frozenset(at - start for at in _between(segment.partials, start, start + len(data)))
        return Batch(self.label, data, ends, times, partials | {len(data) - 1} if piece else partials)


def _marks(segment: _Segment, start: int, end: int) -> tuple[Sequence[int], Sequence[int]]:
    """Return the ends (within the data) and times of the entries that cover [start, end)."""
    offsets = segment.offsets
    if not offsets:
        return (end - start,), (0,)
    first = max(bisect_right(offsets, start) - 1, 0)
    last = max(bisect_left(offsets, end), first + 1)
    ends = [offset - start for offset in offsets[first + 1 : last]]
    ends.append(end - start)
    return ends, segment.times[first:last]


def _between(positions: list[int], start: int, end: int) -> list[int]:
    return positions[bisect_left(positions, start) : bisect_left(positions, end)] if positions else []


def _count_back(segment: _Segment, position: int, count: int) -> tuple[int, int]:
    """Return where the last `count` lines before `position` begin, and how many lines are still to be found."""
    while position > 0:
        start = max(position - (1 << 16), 0)
        block = segment.bytes_at(segment.base + start, position - start)
        newlines = block.count(b"\n")
        if newlines >= count:
            at = len(block)
            for _ in range(count):
                at = block.rfind(b"\n", 0, at)
            return start + at + 1, 0
        count -= newlines
        position = start
    return 0, count


def _first_time(folder: str, number: int) -> int:
    try:
        with open(index_path(folder, number), "rb") as file:
            head = file.read(ENTRY.size)
    except OSError:
        return 0
    return int(ENTRY.unpack(head)[1]) if len(head) == ENTRY.size else 0


def steady(times: Sequence[int]) -> Sequence[int]:
    """Return the times so that a clock that was set back does not reorder a source."""
    return times if len(times) == 1 else list(accumulate(times, max))
