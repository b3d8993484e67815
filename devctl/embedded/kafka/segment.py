"""One file of a partition's log: whole record batches one after another, and where each begins.

Only appends; a tail that a crash cut short is removed when the file is opened again.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from devctl.embedded.kafka.batch import HEADER_BYTES, BadBatch, Header, header


class Segment:
    """The batches from `base` on, up to where the next segment begins."""

    def __init__(self, folder: Path, base: int) -> None:
        self.base = base
        self.path = folder / f"{base:020d}.log"
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        self.size = os.fstat(self._file).st_size
        self._offsets: array[int] | None = None
        self._positions: array[int] = array("q")

    def recover(self) -> Iterator[tuple[Header, bytes]]:
        """Walk through the file, cut off a broken tail, and give every header with its first bytes."""
        self._offsets, self._positions = array("q"), array("q")
        at, expected = 0, self.base
        while at < self.size:
            head = self._header_at(at)
            if head is None or head.base_offset < expected or at + head.size > self.size:
                os.ftruncate(self._file, at)
                self.size = at
                return
            self._offsets.append(head.base_offset)
            self._positions.append(at)
            yield head, os.pread(self._file, HEADER_BYTES + 32, at)
            at, expected = at + head.size, head.last_offset + 1

    def append(self, data: bytes, base_offset: int) -> None:
        """Write one batch; raise OSError and leave the file as it was when the disk refuses."""
        offsets = self._index()
        try:
            written = os.pwrite(self._file, data, self.size)
            while written < len(data):
                written += os.pwrite(self._file, data[written:], self.size + written)
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        offsets.append(base_offset)
        self._positions.append(self.size)
        self.size += len(data)

    def read(self, offset: int, max_bytes: int, limit: int) -> bytes:
        """Return whole batches from the one that holds `offset`, none that begins at or after `limit`.

        At least one batch is given, however large it is.
        """
        offsets = self._index()
        first = max(0, bisect_right(offsets, offset) - 1)
        if not offsets or offsets[first] >= limit:
            return b""
        start = self._positions[first]
        stop = max(first + 1, bisect_right(self._positions, start + max_bytes) - 1)
        stop = min(stop, self._before(limit))
        if self.size - start <= max_bytes and self._before(limit) == len(offsets):
            stop = len(offsets)
        end = self._positions[stop] if stop < len(offsets) else self.size
        return os.pread(self._file, end - start, start)

    def headers(self) -> Iterator[Header]:
        """Return the header of every batch in order."""
        self._index()
        for at in self._positions:
            head = self._header_at(at)
            if head is not None:
                yield head

    def forget_index(self) -> None:
        """Free the memory of the index; the next read builds it again."""
        self._offsets, self._positions = None, array("q")

    def close(self, sync: bool = False) -> None:
        """Close the file, after writing it through to the disk when asked."""
        if sync:
            os.fsync(self._file)
        os.close(self._file)

    def _before(self, limit: int) -> int:
        offsets = self._index()
        return bisect_right(offsets, limit - 1)

    def _index(self) -> array[int]:
        if self._offsets is None:
            for _ in self.recover():
                pass
        assert self._offsets is not None
        return self._offsets

    def _header_at(self, at: int) -> Header | None:
        try:
            return header(os.pread(self._file, HEADER_BYTES, at))
        except BadBatch:
            return None
