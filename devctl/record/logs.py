"""Reading the logs of a run: found, filtered, merged by arrival, followed. The keeper and the hub write them.

Readers open the files themselves, read-only; no supervisor is needed. `read_batches` and `follow_batches` keep
the bytes of many lines together and are the fast way; `read` and `follow` give line by line.
"""

import os
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from heapq import heapify, heappop, heapreplace
from urllib.parse import unquote

from devctl.record.batch import Batch, Label
from devctl.record.lines import Line, Parsed
from devctl.record.query import Filter, Query, make_filter
from devctl.record.source import Source, steady
from devctl.record.store import Run
from devctl.record.watch import Watch

__all__ = ["Batch", "Label", "Line", "Parsed", "Query", "follow", "follow_batches", "labels", "read", "read_batches"]

OTLP_SUFFIX = ".otlp"
_LOOK_SECONDS = 0.25
_GATHER_SECONDS = 0.005  # while lines come fast: fewer, larger batches
_NEVER = 1 << 63
_WIDER = (32, 1024)  # a selective tail reads back this many times its count before it reads everything


def labels(run: Run) -> list[Label]:
    """Return whose logs the run has, by name."""
    try:
        names = sorted(entry.name for entry in os.scandir(run.logs) if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    return [_label(name) for name in names]


def read_batches(run: Run, query: Query) -> Generator[Batch, None, None]:
    """Yield what is on disk now, merged by arrival, as batches of whole lines."""
    reader = _Reader(run, query)
    try:
        yield from reader.history(whole=True)
    finally:
        reader.close()


def read(run: Run, query: Query) -> Iterator[Line]:
    """Yield the lines that are on disk now, merged by arrival."""
    for batch in read_batches(run, query):
        yield from batch.lines()


def follow_batches(run: Run, query: Query, stop: Callable[[], bool] = lambda: False) -> Generator[Batch, None, None]:
    """Yield history, then what comes, without loss or doubling; `stop` is asked at least every quarter second."""
    reader = _Reader(run, query)
    watch = Watch()
    try:
        watch.add(str(run.logs))
        reader.watch(watch)
        yield from reader.history(whole=False)
        changed: set[str] | None = None  # what came while history was read
        while not stop():
            is_busy = False
            for batch in reader.more(changed):
                is_busy = True
                yield batch
            if is_busy:
                time.sleep(_GATHER_SECONDS)
            changed = watch.wait(_LOOK_SECONDS)
            if reader.watch(watch, changed):
                changed = None  # what a new source said before it was watched
    finally:
        watch.close()
        reader.close()


def follow(run: Run, query: Query, stop: Callable[[], bool] = lambda: False) -> Generator[Line, None, None]:
    """Yield history, then lines as they come."""
    for batch in follow_batches(run, query, stop):
        yield from batch.lines()


def _label(folder: str) -> Label:
    if folder.endswith(OTLP_SUFFIX):
        service = unquote(folder.removesuffix(OTLP_SUFFIX))
        return Label(service, service + OTLP_SUFFIX, is_otlp=True)
    return Label(folder.rpartition(".")[0] or folder, folder)


class _Reader:
    """The sources of one query, and where each stands."""

    def __init__(self, run: Run, query: Query) -> None:
        self._run, self._query = run, query
        self._filter = make_filter(query)
        self._sources: dict[Label, Source] = {}
        self._watched: set[Label] = set()
        self._find()

    def history(self, *, whole: bool) -> Iterator[Batch]:
        """Yield what is there; `whole` also the lines that are not ended yet."""
        for source in self._sources.values():
            source.freeze()
        if self._query.tail is not None:
            return iter(self._tail(self._query.tail, whole=whole))
        if self._query.since_ns is not None:
            for source in self._sources.values():
                source.seek_time(self._query.since_ns)
        return self._merged(list(self._sources.values()), whole=whole)

    def more(self, folders: set[str] | None) -> Iterator[Batch]:
        """Yield what came since the last time, in these folders or (None) in any."""
        sources = [source for source in self._sources.values() if folders is None or source.folder in folders]
        for source in sources:
            source.freeze()
        return self._merged(sources, whole=False)

    def watch(self, watch: Watch, folders: set[str] | None = None) -> bool:
        """Add sources that are new and tell `watch` of them; True when there are any."""
        if folders is not None and str(self._run.logs) not in folders:
            return False
        self._find()
        fresh = self._sources.keys() - self._watched
        self._watched |= fresh
        for label in fresh:
            watch.add(self._sources[label].folder)
        return bool(fresh)

    def close(self) -> None:
        for source in self._sources.values():
            source.close()

    def _find(self) -> None:
        """Add sources that are new."""
        for label in labels(self._run):
            if label not in self._sources and self._query.wants(label):
                self._sources[label] = Source(os.path.join(self._run.logs, folder_name(label)), label)

    def _merged(self, sources: Sequence[Source], *, whole: bool) -> Iterator[Batch]:
        until_ns = self._query.until_ns
        return merge([_filtered(source, self._filter, whole=whole, until_ns=until_ns) for source in sources])

    def _tail(self, count: int, *, whole: bool) -> list[Batch]:
        newest = merge([iter(self._tail_of(source, count, whole=whole)) for source in self._sources.values()])
        return _last(newest, count)

    def _tail_of(self, source: Source, count: int, *, whole: bool) -> list[Batch]:
        factors: tuple[int, ...] = _WIDER if self._query.is_selective() else (1,)
        for factor in factors:
            is_all = source.seek_tail(max(count, 1) * factor)
            lines = _last(_filtered(source, make_filter(self._query), whole=whole), count)
            if is_all or not self._query.is_selective() or sum(batch.count() for batch in lines) >= count:
                return lines
        source.seek_start()
        return _last(_filtered(source, self._filter, whole=whole), count)


def folder_name(label: Label) -> str:
    """Return the name of the folder that holds the log of a source."""
    if label.is_otlp:
        return folder_of(label.service)
    return label.instance


def folder_of(service: str) -> str:
    """Return the name of the folder for OTLP records of a service, whatever characters its name has."""
    from urllib.parse import quote

    return quote(service, safe=" ").replace(".", "%2E")[:200] + OTLP_SUFFIX


def _filtered(source: Source, keep: Filter | None, *, whole: bool, until_ns: int | None = None) -> Iterator[Batch]:
    """Yield the batches that are wanted; nothing is read behind `until_ns`, since a source is in order of arrival."""
    while batch := source.read():
        if until_ns is not None and batch.times[0] >= until_ns:
            return
        kept = keep(batch) if keep else batch
        if kept:
            yield kept
    if whole and (batch := source.rest()):
        kept = keep(batch) if keep else batch
        if kept:
            yield kept


def _last(batches: Iterator[Batch], count: int) -> list[Batch]:
    """Return the last `count` lines of these batches."""
    kept: deque[tuple[Batch, int]] = deque()
    total = 0
    for batch in batches:
        lines = batch.count()
        kept.append((batch, lines))
        total += lines
        while total - kept[0][1] >= count and len(kept) > 1:
            total -= kept.popleft()[1]
    if not kept or count == 0:
        return []
    first, lines = kept[0]
    surplus = total - count
    if surplus > 0:
        kept[0] = (first.last(lines - surplus), lines - surplus)
    return [batch for batch, _ in kept]


class _Head:
    """The batch of a source that is being merged, and how much of it is already out."""

    __slots__ = ("batch", "batches", "cut", "position", "times")

    def __init__(self, batches: Iterator[Batch]) -> None:
        self.batches = batches

    def advance(self) -> bool:
        """Go to the next batch of the source; False when there is none."""
        batch = next(self.batches, None)
        if batch is None:
            return False
        self.batch, self.times, self.position, self.cut = batch, steady(batch.times), 0, 0
        return True

    def take(self, limit_ns: int) -> Batch | None:
        """Cut off the lines that arrived up to `limit_ns` (at least the next ones)."""
        batch, start, first, times = self.batch, self.cut, self.position, self.times
        last = first + 1
        if last < len(times) and times[last] <= limit_ns:
            last = bisect_right(times, limit_ns, last)
        self.position = last
        if last == len(times):
            if not start:
                return batch
            cut = len(batch.data)
        else:
            cut = batch.data.rfind(b"\n", start, batch.ends[last - 1]) + 1
        if cut <= start:
            return None
        self.cut = cut
        ends: Sequence[int] = (cut - start,)
        if last - first > 1:
            ends = [*(end - start for end in batch.ends[first : last - 1]), cut - start]
        partials = batch.partials and frozenset(at - start for at in batch.partials if start <= at < cut)
        return Batch(batch.label, batch.data[start:cut], ends, batch.times[first:last], partials)


def _next_time(heap: list[tuple[int, int, _Head]]) -> int:
    """Return when the second of the heap comes."""
    if len(heap) > 2:
        return min(heap[1][0], heap[2][0])
    return heap[1][0] if len(heap) == 2 else _NEVER


def merge(sources: Sequence[Iterator[Batch]]) -> Iterator[Batch]:
    """Merge the batches of several sources by arrival, each piece as long as no other source comes between."""
    if len(sources) == 1:
        yield from sources[0]
        return
    heads = [head for head in map(_Head, sources) if head.advance()]
    heap = [(head.times[0], number, head) for number, head in enumerate(heads)]
    heapify(heap)
    while heap:
        _, number, head = heap[0]
        piece = head.take(_next_time(heap))
        if piece:
            yield piece
        if head.position < len(head.times) or head.advance():
            heapreplace(heap, (head.times[head.position], number, head))
        else:
            heappop(heap)
