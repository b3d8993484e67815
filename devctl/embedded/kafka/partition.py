"""One partition: its log on disk, and which transactions are open.

Decides nothing about groups; never reads inside a batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devctl.disk import replace_file
from devctl.embedded.kafka import batch
from devctl.embedded.kafka.batch import Header
from devctl.embedded.kafka.producers import Producers
from devctl.embedded.kafka.segment import Segment
from devctl.wire.kafka.messages import Error

SEGMENT_BYTES = 8 << 20


class Partition:
    """An ordered log that keeps its offsets over restarts, in segments of at most 8 MiB."""

    def __init__(self, folder: Path, keep_bytes: int) -> None:
        self._folder = folder
        self._keep_bytes = keep_bytes
        self._producers = Producers()
        self._open: dict[int, int] = {}
        self._aborted: list[tuple[int, int, int]] = []
        self._watchers: set[Callable[[], None]] = set()
        self._indexed: Segment | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        bases = sorted(int(path.stem) for path in folder.glob("*.log"))
        self._segments = [Segment(folder, base) for base in bases] or [Segment(folder, 0)]
        self.start = self._segments[0].base
        self.end = self._segments[-1].base
        self._recover()

    @property
    def stable(self) -> int:
        """The offset below which every transaction has ended."""
        return min(self._open.values(), default=self.end)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self._segments)

    def append(self, head: Header, data: memoryview | bytes) -> tuple[Error, int]:
        """Write one batch of a producer; give the error and the offset of its first record."""
        error, earlier = self._producers.judge(head)
        if error is not Error.NONE or earlier >= 0:
            return error, earlier
        base = self.end
        self._write(head, data)
        return Error.NONE, base

    def end_transaction(self, producer: int, epoch: int, commit: bool, now_ms: int) -> None:
        """Write the marker that ends the producer's transaction here, when it wrote anything."""
        if producer in self._open:
            data = batch.marker(producer, epoch, commit, now_ms)
            self._write(batch.header(data), data)

    def read(self, offset: int, max_bytes: int, committed_only: bool) -> bytes:
        """Return whole batches from `offset` on; empty when there is nothing yet."""
        limit = self.stable if committed_only else self.end
        if offset >= limit:
            return b""
        segment = self._segment_of(offset)
        return segment.read(offset, max_bytes, limit)

    def aborted_since(self, offset: int) -> list[tuple[int, int]]:
        """Return (producer, first offset) of aborted transactions that end at or after `offset`."""
        return [(producer, first) for producer, first, last in self._aborted if last >= offset]

    def offset_for_time(self, milliseconds: int) -> tuple[int, int]:
        """Return offset and time of the first batch not older than this; (-1, -1) when there is none."""
        for segment in self._segments:
            for head in segment.headers():
                if head.max_time >= milliseconds and head.last_offset >= self.start and not head.control:
                    return max(head.base_offset, self.start), head.max_time
        return -1, -1

    def delete_before(self, offset: int) -> None:
        """Forget everything below `offset`; whole segments below it leave the disk."""
        self.start = offset
        self._save_state("start", {"start": offset})
        while len(self._segments) > 1 and self._segments[1].base <= offset:
            self._drop_oldest()

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake` once, as soon as there is more to read."""
        self._watchers.add(wake)

    def unwatch(self, wake: Callable[[], None]) -> None:
        """Do not call `wake` any more."""
        self._watchers.discard(wake)

    def close(self, sync: bool) -> None:
        """Close all files, writing them through to the disk when asked."""
        for segment in self._segments:
            segment.close(sync and segment is self._segments[-1])

    def _write(self, head: Header, data: memoryview | bytes) -> None:
        if self._segments[-1].size + head.size > SEGMENT_BYTES and self._segments[-1].size:
            self._roll()
        base = self.end
        placed = batch.placed(data, base)
        self._segments[-1].append(placed, base)
        self._learn(batch.header(placed), placed)
        self._tell()

    def _tell(self) -> None:
        watchers, self._watchers = self._watchers, set()
        for wake in watchers:
            wake()

    def _learn(self, head: Header, data: bytes) -> None:
        """Record a batch that is in the log now."""
        self.end = head.last_offset + 1
        if head.control:
            self._learn_end(head, batch.commits(data))
        elif head.producer >= 0:
            self._producers.learn(head)
            if head.transactional:
                self._open.setdefault(head.producer, head.base_offset)

    def _learn_end(self, head: Header, committed: bool) -> None:
        first = self._open.pop(head.producer, None)
        if first is not None and not committed:
            self._aborted.append((head.producer, first, head.base_offset))

    def _roll(self) -> None:
        self._save_state(f"{self.end:020d}", self._state())
        self._segments[-1].forget_index()
        self._segments.append(Segment(self._folder, self.end))
        while len(self._segments) > 1 and self.size > self._keep_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._segments.pop(0)
        oldest.close()
        oldest.path.unlink()
        (self._folder / f"{oldest.base:020d}.state").unlink(missing_ok=True)
        self.start = max(self.start, self._segments[0].base)
        self._aborted = [entry for entry in self._aborted if entry[2] >= self.start]

    def _segment_of(self, offset: int) -> Segment:
        candidate = self._segments[-1]
        for segment in reversed(self._segments):
            candidate = segment
            if segment.base <= offset:
                break
        if candidate is not self._segments[-1] and candidate is not self._indexed:
            if self._indexed in self._segments[:-1] and self._indexed is not None:
                self._indexed.forget_index()
            self._indexed = candidate
        return candidate

    def _recover(self) -> None:
        self._load_state(self._read_state(f"{self.end:020d}"))
        for head, data in self._segments[-1].recover():
            self._learn(head, data)
        self.start = max(self.start, int(self._read_state("start").get("start", 0)))

    def _state(self) -> dict[str, Any]:
        return {"producers": self._producers.state(), "open": self._open, "aborted": self._aborted}

    def _load_state(self, state: dict[str, Any]) -> None:
        self._producers.load(state.get("producers", {}))
        self._open = {int(key): first for key, first in state.get("open", {}).items()}
        self._aborted = [(item[0], item[1], item[2]) for item in state.get("aborted", ())]

    def _save_state(self, name: str, state: dict[str, Any]) -> None:
        replace_file(self._folder / f"{name}.state", json.dumps(state))

    def _read_state(self, name: str) -> dict[str, Any]:
        try:
            state = json.loads((self._folder / f"{name}.state").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}
