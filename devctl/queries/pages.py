"""Pages of the record: the log lines around any moment, of all sources merged by time, filtered, forwards or backwards.

The lines of a run have one order, that of their anchors: time of arrival, then source, then place in the source.
A page is read from an anchor in either direction without reading what lies before it, so that any moment of a long
record is a few reads away. Filtering acts on the whole record: a search goes on slice by slice and says how far it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import total_ordering

from devctl.record import logs
from devctl.record.batch import Batch
from devctl.record.lines import Line
from devctl.record.logs import Query
from devctl.record.query import make_filter
from devctl.record.store import Run
from devctl.record.stream import LONGEST_LINE, Stream

FIRST_STEP, LAST_STEP = 1 << 13, 1 << 20
"""Bytes of a source that are read at once: few at first, since a screen of lines is few, twice as many each time,
until filters are no faster on more (measured: from 1 MiB on)."""
LONGEST_ENTRY = 1 << 16
"""So far before a range the entry is looked for that its first line belongs to: a stack trace of 500 lines and more."""
NEVER_NS = (1 << 63) - 1


@total_ordering
@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in the merged record. `source` is the folder of the log, `offset` the stream offset in it."""

    time_ns: int
    source: str = ""
    offset: int = 0

    def __lt__(self, other: Anchor) -> bool:
        return (self.time_ns, self.source, self.offset) < (other.time_ns, other.source, other.offset)


BEGIN, END = Anchor(0), Anchor(NEVER_NS)


@dataclass(frozen=True, slots=True)
class PageLine:
    """One line and where it is; `end` is the anchor right after it."""

    anchor: Anchor
    line: Line

    @property
    def end(self) -> Anchor:
        return replace(self.anchor, offset=self.anchor.offset + len(self.line.raw) + 1)


@dataclass(frozen=True, slots=True)
class Page:
    """Lines in order. `at_begin`, `at_end`: nothing more of the query lies before or after them, as things are."""

    lines: list[PageLine]
    at_begin: bool
    at_end: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """What one step of a search saw: the lines that matched, in order, and how much of the range is done (0 to 1)."""

    lines: list[PageLine]
    done: float


def page(run: Run, anchor: Anchor, before: int, after: int, query: Query | None = None, *, whole: bool = True) -> Page:
    """Return up to `before` lines before `anchor` and `after` lines from it on."""
    return Pager(run, query or Query(), whole=whole).page(anchor, before, after)


class Pager:
    """Pages of one query over one run, which may still be written; keeps the indexes it has read.

    `whole`: a last line that has not ended counts, as it does in a run that is over.
    """

    def __init__(self, run: Run, query: Query, *, whole: bool = True) -> None:
        self._run, self._query, self._whole = run, query, whole
        self._content = replace(query, since_ns=None, until_ns=None)
        self._streams: dict[str, Stream] = {}
        self.refresh()

    def refresh(self) -> None:
        """See what was written since the last time."""
        for label in logs.labels(self._run):
            name = logs.folder_name(label)
            if name in self._streams:
                self._streams[name].refresh()
            elif self._query.wants(label):
                self._streams[name] = Stream(str(self._run.logs / name), label)

    def page(self, anchor: Anchor, before: int, after: int) -> Page:
        """Return up to `before` lines before `anchor` and `after` lines from it on."""
        earlier = _take(self.backward(anchor), before, from_end=True)
        later = _take(self.forward(anchor), after, from_end=False)
        return Page([*earlier, *later], len(earlier) < before, len(later) < after)

    def span(self) -> tuple[int, int]:
        """Return the times of the first and the last line, zeros where there is none."""
        streams = [stream for stream in self._streams.values() if stream.end > stream.begin]
        firsts = [stream.time_at(stream.begin) for stream in streams]
        lasts = [stream.time_at(stream.end - 1) for stream in streams]
        return (min(firsts), max(lasts)) if streams else (0, 0)

    def ends(self) -> dict[str, int]:
        """Return the position after the last whole line of each source: where following begins."""
        return {name: self._end(stream) for name, stream in self._streams.items()}

    def fresh(self, positions: dict[str, int], most_lines: int) -> tuple[list[PageLine], int]:
        """Return the lines written after `positions`, in order, and move these on. Of more than `most_lines` only
        the last ones are returned, the rest is counted."""
        self.refresh()
        lines: list[PageLine] = []
        skipped = 0
        for name, stream in self._streams.items():
            start, end = max(positions.get(name, 0), stream.begin), self._end(stream)
            if start < end:
                source_lines, more = self._newest(stream, start, end, most_lines)
                lines += source_lines
                skipped += more
            positions[name] = max(start, end)
        lines.sort(key=_anchor)
        surplus = max(len(lines) - most_lines, 0)
        return lines[surplus:], skipped + surplus

    def signs(self, positions: dict[str, int], count: Callable[[Batch], int]) -> Iterator[tuple[str, int, int]]:
        """Yield (service, time of its last line, the sum of `count` over its batches) of what was written after
        `positions`, and move these on."""
        self.refresh()
        for name, stream in self._streams.items():
            start, end = max(positions.get(name, 0), stream.begin), self._end(stream)
            if start < end:
                total = sum(count(batch) for _, batch in _steps(stream, start, end))
                yield stream.label.service, stream.time_at(end - 1), total
            positions[name] = max(start, end)

    def _newest(self, stream: Stream, start: int, end: int, most_lines: int) -> tuple[list[PageLine], int]:
        lines: list[PageLine] = []
        skipped = 0
        for begin, batch, kept in self._kept(stream, start, end):
            surplus = kept.count() - most_lines
            if surplus > 0 and not stream.label.is_otlp:
                skipped += surplus
                kept = kept.last(most_lines)
            lines += _located(stream.name, begin, batch, kept)
            surplus = max(len(lines) - most_lines, 0)
            skipped += surplus
            del lines[:surplus]
        return lines, skipped

    def forward(self, anchor: Anchor) -> Iterator[Slice]:
        """Yield the lines from `anchor` on, slice by slice, until the end of the record."""
        anchor = max(anchor, Anchor(self._query.since_ns or 0))
        until = self._bounds(Anchor(NEVER_NS if self._query.until_ns is None else self._query.until_ns))
        places = {name: min(at, until[name]) for name, at in self._bounds(anchor).items()}
        total = max(sum(until[name] - at for name, at in places.items()), 1)
        step = FIRST_STEP
        while open_names := [name for name, at in places.items() if at < until[name]]:
            goals = {name: _ahead(self._streams[name], places[name], until[name], step) for name in open_names}
            step = min(step * 2, LAST_STEP)
            time_ns = min(self._streams[name].time_at(goal - 1) for name, goal in goals.items())
            lines: list[PageLine] = []
            for name in open_names:
                stop = min(self._streams[name].position_at(time_ns + 1), until[name])
                lines += self._between(self._streams[name], places[name], stop)
                places[name] = max(stop, places[name])
            left = sum(until[name] - at for name, at in places.items())
            yield Slice(sorted(lines, key=_anchor), 1 - left / total)

    def backward(self, anchor: Anchor) -> Iterator[Slice]:
        """Yield the lines before `anchor`, the slice nearest to it first, until the beginning of the record."""
        anchor = min(anchor, Anchor(NEVER_NS if self._query.until_ns is None else self._query.until_ns))
        since = self._bounds(Anchor(self._query.since_ns or 0))
        places = {name: max(at, since[name]) for name, at in self._bounds(anchor).items()}
        total = max(sum(at - since[name] for name, at in places.items()), 1)
        step = FIRST_STEP
        while open_names := [name for name, at in places.items() if at > since[name]]:
            goals = {name: _behind(self._streams[name], places[name], since[name], step) for name in open_names}
            step = min(step * 2, LAST_STEP)
            time_ns = max(_line_time(self._streams[name], goal) for name, goal in goals.items())
            lines: list[PageLine] = []
            for name in open_names:
                start = max(self._streams[name].position_at(time_ns), since[name])
                lines += self._between(self._streams[name], start, places[name])
                places[name] = min(start, places[name])
            left = sum(at - since[name] for name, at in places.items())
            yield Slice(sorted(lines, key=_anchor), 1 - left / total)

    def _bounds(self, anchor: Anchor) -> dict[str, int]:
        """Return where in each source the lines from `anchor` on begin."""
        return {name: self._bound(stream, anchor) for name, stream in self._streams.items()}

    def _bound(self, stream: Stream, anchor: Anchor) -> int:
        end = self._end(stream)
        if anchor.time_ns >= NEVER_NS:
            return end
        if stream.name == anchor.source:
            return min(anchor.offset, end)
        later = anchor.time_ns + (stream.name < anchor.source)
        return min(stream.position_at(later), end)

    def _end(self, stream: Stream) -> int:
        """Return where reading ends: after the last line, whether or not it has ended."""
        return stream.end if self._whole or not stream.end else stream.line_start(stream.end)

    def _between(self, stream: Stream, start: int, end: int) -> list[PageLine]:
        lines: list[PageLine] = []
        for begin, batch, kept in self._kept(stream, start, end):
            lines += _located(stream.name, begin, batch, kept)
        return lines

    def _kept(self, stream: Stream, start: int, end: int) -> Iterator[tuple[int, Batch, Batch]]:
        """Yield the batches of [start, end), each with its place and what the query keeps of it."""
        keep = make_filter(self._content)
        if keep and (self._content.level or self._content.trace_id or self._content.fields):
            # A line without a level belongs to the entry before it, which may have begun before this range.
            earlier = stream.line_start(stream.at_or_after(max(start - LONGEST_ENTRY, stream.begin)))
            for _, batch in stream.batches(earlier, start):
                keep(batch)
        for begin, batch in _steps(stream, start, end):
            kept = keep(batch) if keep else batch
            if kept:
                yield begin, batch, kept


def _steps(stream: Stream, start: int, end: int) -> Iterator[tuple[int, Batch]]:
    """Yield the lines of [start, end), both line starts, in batches with their places: however much was written, no
    more than a step of it is in memory."""
    while start < end:
        stop = _ahead(stream, start, end, LAST_STEP)
        yield from stream.batches(start, stop)
        start = stop


def _ahead(stream: Stream, position: int, until: int, step: int) -> int:
    """Return the end of a line about a step after `place`."""
    reached = stream.at_or_after(position) + step
    return until if reached >= until else stream.line_end(reached, until)


def _behind(stream: Stream, position: int, since: int, step: int) -> int:
    """Return the start of a line about a step before `place`."""
    reached = max(stream.at_or_before(position) - step, since)
    return stream.line_start(stream.at_or_after(reached))


def _line_time(stream: Stream, start: int) -> int:
    return stream.time_at(stream.line_end(start, stream.end) - 1)


def _anchor(line: PageLine) -> tuple[int, str, int]:
    return line.anchor.time_ns, line.anchor.source, line.anchor.offset


def _take(slices: Iterable[Slice], count: int, *, from_end: bool) -> list[PageLine]:
    """Return the `count` lines nearest to where the slices began; reads no more slices than that takes."""
    taken: list[PageLine] = []
    if count <= 0:
        return taken
    for part in slices:
        taken = [*part.lines, *taken] if from_end else [*taken, *part.lines]
        if len(taken) >= count:
            return taken[-count:] if from_end else taken[:count]
    return taken


def _located(source: str, begin: int, batch: Batch, kept: Batch) -> Iterator[PageLine]:
    """Yield the lines of `kept`, chosen from `batch` by what they say, each with its place.

    Equal lines are chosen alike, so the next occurrence of a kept line is the line itself.
    """
    data, at = batch.data, 0
    for line in kept.lines():
        if kept is not batch:
            at = _find_line(data, line.raw, at)
        yield from _pieces(source, begin + at, line)
        at += len(line.raw) + 1


def _find_line(data: bytes, raw: bytes, start: int) -> int:
    needle = raw + b"\n"
    at = data.find(needle, start)
    while at > 0 and data[at - 1] != 10:
        at = data.find(needle, at + 1)
    return at


def _pieces(source: str, offset: int, line: Line) -> Iterator[PageLine]:
    if len(line.raw) <= LONGEST_LINE:
        yield PageLine(Anchor(line.time_ns, source, offset), line)
        return
    for start in range(0, len(line.raw), LONGEST_LINE):
        piece = Line(line.time_ns, line.service, line.instance, line.raw[start : start + LONGEST_LINE], is_partial=True)
        yield PageLine(Anchor(line.time_ns, source, offset + start), piece)
