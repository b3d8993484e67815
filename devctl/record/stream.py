"""One instance's log as a stream that is read at any position, forwards or backwards, and searched by time.

`Source` reads on and on; this one answers "which bytes, and when did they arrive" for pages of the record. It keeps
of the index what was needed, and sees what the keeper adds with each `refresh`.
"""

from __future__ import annotations

import operator
import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

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

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 1 << 16
LONGEST_LINE = 1 << 20
"""A line longer than this is read in pieces of this size, as `Source` does it."""


class _Segment:
    """A segment's place in the stream and its index, both read when they are needed."""

    def __init__(self, folder: str, number: int, base: int) -> None:
        self.number, self.base = number, base
        self._folder = folder
        self._read_bytes = 0
        self._is_index_read = False  # as it was when the segment was measured last
        self.size = 0
        self.offsets = array("Q")
        self.times = array("Q")
        self.partials: list[int] = []

    @property
    def end(self) -> int:
        return self.base + self.size

    def measure(self) -> None:
        self.size = file_size(log_path(self._folder, self.number))
        self._is_index_read = False

    def read(self, start: int, end: int) -> bytes:
        try:
            file = os.open(log_path(self._folder, self.number), _FLAGS)
        except OSError:
            return b""  # evicted meanwhile
        try:
            return os.pread(file, end - start, start - self.base)
        finally:
            os.close(file)

    def load_index(self, floor_ns: int) -> None:
        """Read the entries added since the last time; times never go back, nor below `floor_ns`."""
        if self._is_index_read:
            return
        self._is_index_read = True
        try:
            file = os.open(index_path(self._folder, self.number), _FLAGS)
        except OSError:
            return
        try:
            data = os.pread(file, os.fstat(file).st_size - self._read_bytes, self._read_bytes)
        finally:
            os.close(file)
        whole = len(data) // ENTRY.size * ENTRY.size
        if not whole:
            return
        self._read_bytes += whole
        values = array("Q")
        values.frombytes(data[:whole])
        self._add(values[0::3], values[1::3], floor_ns)
        partial = PARTIAL << KIND_SHIFT
        if any(values[2::3]):
            self.partials += [at for at, kind in zip(values[0::3], values[2::3], strict=True) if kind == partial]

    def _add(self, offsets: array[int], times: array[int], floor_ns: int) -> None:
        """Add entries; one that had no bytes before the next came is overruled by it."""
        if self.offsets and self.offsets[-1] == offsets[0]:
            self.offsets.pop()
            self.times.pop()
        if any(map(operator.eq, offsets, offsets[1:])):
            kept = [n for n in range(len(offsets)) if n + 1 == len(offsets) or offsets[n] != offsets[n + 1]]
            offsets, times = (array("Q", [values[n] for n in kept]) for values in (offsets, times))
        floor_ns = self.times[-1] if self.times else floor_ns
        self.offsets += offsets
        self.times += array("Q", list(accumulate(times, max, initial=floor_ns))[1:])

    def last_time(self) -> int:
        """Return when the last byte arrived, 0 where nothing tells."""
        at = bisect_left(self.offsets, self.end)
        return self.times[at - 1] if at else 0


class Stream:
    """The whole log of one instance. Positions are stream offsets; lines begin where `line_start` says."""

    def __init__(self, folder: str, label: Label) -> None:
        self.label = label
        self.name = os.path.basename(folder)
        self._folder = folder
        self._segments: list[_Segment] = []
        self.end = 0
        self.refresh()

    @property
    def begin(self) -> int:
        """The first position that is still on disk."""
        return self._segments[0].base if self._segments else 0

    def refresh(self) -> bool:
        """See what was written or evicted since the last time; True when there is more to read."""
        numbers = segment_numbers(self._folder)
        kept = {segment.number: segment for segment in self._segments}
        self._segments = [s for n in numbers if (s := kept.get(n) or self._segment(n))]
        for segment in self._segments:
            if segment.number not in kept or segment is self._segments[-1] or segment.number == max(kept):
                segment.measure()
        earlier, self.end = self.end, self._segments[-1].end if self._segments else 0
        return self.end > earlier

    def _segment(self, number: int) -> _Segment | None:
        base = first_offset(self._folder, number)
        return None if base is None else _Segment(self._folder, number, base)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes of [start, end) that are on disk; what was evicted between segments is left out."""
        parts = [s.read(max(start, s.base), min(end, s.end)) for s in self._overlapping(start, end)]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _overlapping(self, start: int, end: int) -> list[_Segment]:
        return [s for s in self._segments if s.base < end and s.end > start]

    def at_or_after(self, position: int) -> int:
        """Return the position itself, or where the next segment begins when it was evicted."""
        return next((max(position, s.base) for s in self._segments if position < s.end), self.end)

    def at_or_before(self, position: int) -> int:
        """Return the position itself, or where the segment before it ends when what lies between was evicted."""
        return next((min(position, s.end) for s in reversed(self._segments) if s.base < position), self.begin)

    def line_start(self, position: int) -> int:
        """Return where the line that holds the byte at `position` begins: `position` when one begins there."""
        lower = self._solid_begin(position)
        at = position
        while at > lower:
            begin = max(at - _BLOCK, lower)
            cut = self.read(begin, at).rfind(b"\n")
            if cut >= 0:
                return begin + cut + 1
            at = begin
        return lower

    def _solid_begin(self, position: int) -> int:
        """Return the first position from which on everything up to `position` is on disk."""
        lower = position
        for segment in reversed(self._segments):
            if segment.base <= lower <= segment.end:
                lower = segment.base
        return lower

    def line_end(self, position: int, limit: int) -> int:
        """Return the position after the line that holds the byte at `position`, at most `limit`."""
        at = position
        while at < limit:
            block = self.read(at, min(at + _BLOCK, limit))
            cut = block.find(b"\n")
            if cut >= 0 or not block:
                return at + cut + 1 if block else limit
            at += len(block)
        return limit

    def time_at(self, position: int) -> int:
        """Return when the byte at `position` arrived."""
        for segment in reversed(self._segments):
            if segment.base <= position:
                self._load(segment)
                at = bisect_right(segment.offsets, position) - 1
                return segment.times[max(at, 0)] if segment.times else 0
        return 0

    def position_at(self, time_ns: int) -> int:
        """Return where the first line begins that arrived at `time_ns` or later; `end` when there is none."""
        for segment in self._segments:
            self._load(segment)
            at = bisect_left(segment.times, time_ns)
            if at < len(segment.times) and segment.offsets[at] < segment.end:
                return self.line_start(max(segment.offsets[at], segment.base))
        return self.end

    def _load(self, segment: _Segment) -> None:
        floor = 0
        for earlier in self._segments:
            earlier.load_index(floor)
            floor = earlier.last_time() or floor
            if earlier is segment:
                return

    def batches(self, start: int, end: int) -> Iterator[tuple[int, Batch]]:
        """Yield the lines of [start, end), both line starts, each batch with the position it begins at: one for all,
        or more where something in between was evicted. The last line gets an end where it has none yet."""
        for begin, until in self._solid_ranges(start, end):
            if data := self.read(begin, until):
                yield begin, self._batch(begin, data)

    def _solid_ranges(self, start: int, end: int) -> list[tuple[int, int]]:
        ranges: list[tuple[int, int]] = []
        for segment in self._overlapping(start, end):
            begin, until = max(start, segment.base), min(end, segment.end)
            if ranges and ranges[-1][1] == begin:
                begin = ranges.pop()[0]
            ranges.append((begin, until))
        return ranges

    def _batch(self, start: int, data: bytes) -> Batch:
        end = start + len(data)
        marks = list(self._marks(start, end))
        partials = {at - start for s in self._segments for at in s.partials if start <= at < end}
        if not data.endswith(b"\n"):
            partials.add(len(data))
            data += b"\n"
        ends: Sequence[int] = [*(at - start for at, _ in marks[1:]), len(data)]
        return Batch(self.label, data, ends, [time_ns for _, time_ns in marks], frozenset(partials))

    def _marks(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield (position, time) of the entries that cover [start, end)."""
        reached = -1
        for segment in self._overlapping(start, end):
            self._load(segment)
            offsets, times = segment.offsets, segment.times
            first = max(bisect_right(offsets, start) - 1, 0)
            for at, time_ns in zip(offsets[first : bisect_left(offsets, end)], times[first:], strict=False):
                if max(at, start) > reached or reached < 0:
                    reached = max(at, start)
                    yield reached, time_ns
        if reached < 0:
            yield start, 0
