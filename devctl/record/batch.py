"""Many lines of one source at once, with their arrival times: what makes reading cheap. Pure.

A batch keeps the bytes whole; lines are cut out only where somebody asks for them.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from itertools import accumulate

from devctl.record.lines import Line, parse_record
from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """Whose lines they are. `is_otlp`: they came as OTLP records and carry their own time."""

    service: str
    instance: str
    is_otlp: bool = False


@dataclass(slots=True)
class Batch:
    """Whole lines of one source, the last one ends, too. The lines whose end lies within data[ends[i - 1]:ends[i]]
    arrived at times[i]; `partials` are the positions of line ends that the instance did not write."""

    label: Label
    data: bytes
    ends: Sequence[int]
    times: Sequence[int]
    partials: frozenset[int] = field(default_factory=frozenset)

    def lines(self) -> Iterator[Line]:
        """Yield the lines one by one."""
        if self.label.is_otlp:
            yield from self._records()
            return
        service, instance, data = self.label.service, self.label.instance, self.data
        for time_ns, start, end in self.parts():
            position = start
            for raw in data[start : end - 1].split(b"\n"):
                position += len(raw)
                yield Line(time_ns, service, instance, raw, position in self.partials)
                position += 1

    def _records(self) -> Iterator[Line]:
        for time_ns, start, end in self.parts():
            for raw in self.data[start : end - 1].split(b"\n"):
                instance, parsed = parse_record(raw)
                line = Line(time_ns, self.label.service, instance or self.label.instance, raw)
                line.__dict__["parsed"] = parsed  # already known
                yield line

    def parts(self) -> Iterator[tuple[int, int, int]]:
        """Yield (time, start, end) of the lines that arrived together."""
        start, data, last = 0, self.data, len(self.data)
        for end, time_ns in zip(self.ends, self.times, strict=True):
            cut = last if end >= last else data.rfind(b"\n", start, end) + 1
            if cut > start:
                yield time_ns, start, cut
                start = cut

    def within(self, since_ns: int | None, until_ns: int | None) -> "Batch | None":
        """Return the lines that arrived in [since, until); None when there are none."""
        if (since_ns is None or min(self.times) >= since_ns) and (until_ns is None or max(self.times) < until_ns):
            return self
        parts = [
            (time_ns, start, end)
            for time_ns, start, end in self.parts()
            if (since_ns is None or time_ns >= since_ns) and (until_ns is None or time_ns < until_ns)
        ]
        return self.pick(parts)

    def pick(self, parts: Sequence[tuple[int, int, int]]) -> "Batch | None":
        """Return a batch of these (time, start, end) parts of this one; None when there are none."""
        if not parts:
            return None
        data = self.data
        pieces = [data[start:end] for _, start, end in parts]
        ends = list(accumulate(map(len, pieces)))
        partials = self.partials and frozenset(
            end - 1 for end, (_, _, old) in zip(ends, parts, strict=True) if old - 1 in self.partials
        )
        return Batch(self.label, b"".join(pieces), ends, [part[0] for part in parts], frozenset(partials))

    def time_at(self, position: int) -> int:
        """Return when the line that ends at `position` arrived."""
        return self.times[min(bisect_right(self.ends, position), len(self.times) - 1)]

    def search(self, find: Callable[[bytes, int], int], keep: Callable[[bytes], bool] | None = None) -> "Batch | None":
        """Return the lines in which `find(data, from)` finds something (and `keep(line)` agrees)."""
        data = self.data
        parts: list[tuple[int, int, int]] = []
        at = find(data, 0)
        while 0 <= at < len(data):
            start = data.rfind(b"\n", 0, at) + 1
            end = data.index(b"\n", at) + 1
            if keep is None or keep(data[start : end - 1]):
                parts.append((self.time_at(end - 1), start, end))
            at = find(data, end)
        return self.pick(parts)

    def select(self, keep: Callable[[Line], bool]) -> "Batch | None":
        """Return the lines that `keep` agrees to."""
        parts, start = [], 0
        for line in self.lines():
            end = start + len(line.raw) + 1
            if keep(line):
                parts.append((line.time_ns, start, end))
            start = end
        return self.pick(parts)

    def last(self, count: int) -> "Batch":
        """Return the last `count` lines (at least one)."""
        at = len(self.data) - 1
        for _ in range(count):
            at = self.data.rfind(b"\n", 0, at)
            if at < 0:
                return self
        cut = at + 1
        first = bisect_right(self.ends, cut)
        ends = [end - cut for end in self.ends[first:]]
        partials = frozenset(at - cut for at in self.partials if at >= cut)
        return Batch(self.label, self.data[cut:], ends, self.times[first:], partials)

    def count(self) -> int:
        """Return how many lines there are."""
        return self.data.count(b"\n")


def literal_finder(needle: bytes) -> Callable[[bytes, int], int]:
    """Return a finder of literal text for `Batch.search`."""

    def find(data: bytes, start: int) -> int:
        return data.find(needle, start)

    return find


def caseless_finder(needle: bytes) -> Callable[[bytes, int], int]:
    """Return a finder of literal ASCII text in any case."""
    needle = needle.lower()
    lowered: list[bytes] = [b"", b""]  # the batch searched last, and the same in lower case

    def find(data: bytes, start: int) -> int:
        if lowered[0] is not data:
            lowered[:] = data, data.lower()
        return lowered[1].find(needle, start)

    return find


def pattern_finder(pattern: re.Pattern[bytes]) -> Callable[[bytes, int], int]:
    """Return a finder of a pattern for `Batch.search`."""

    def find(data: bytes, start: int) -> int:
        match = pattern.search(data, start)
        return match.start() if match else -1

    return find
