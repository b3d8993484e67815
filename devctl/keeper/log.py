"""The writing end of one instance's log: takes what comes, whatever the disk says, and never holds anybody up.

When the disk is full it drains and counts; when there is room again it writes down exactly what was lost.
"""

import errno
import os
import time
from collections.abc import Sequence

from devctl.keeper import system
from devctl.keeper.segments import GAP, PARTIAL, Segments, segment_numbers

_RETRY_NS = 1_000_000_000  # somebody who frees space sees the log go on within a second
_CALM_NS = 30_000_000_000  # within this after a gap mark the next retry waits longer
_LONG_RETRY_NS = 4_000_000_000
_SPLICE_BYTES = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SegmentLog:
    """One log. Files are made when there is something to write. One writer at a time."""

    def __init__(self, folder: str, cap_bytes: int) -> None:
        self.lost = 0
        self.retry_at = 0
        self._segments = Segments(folder, cap_bytes)
        self._cause = 0
        self._gap_at = 0

    @property
    def folder(self) -> str:
        """Where the files are, by now."""
        return self._segments.folder

    @property
    def end(self) -> int:
        """The stream offset after the last byte that was written here."""
        return self._segments.end

    def take(self, pipe: int, limit: int = 1 << 62) -> int:
        """Move what lies in the pipe (at most about `limit` bytes) into the log; return how many bytes."""
        now = time.time_ns()
        if not self._is_ready(now):
            return self._discard(pipe, limit)
        self._segments.mark(now)
        moved = 0
        while moved < limit:
            count = self._move(pipe)
            if count == 0:
                break
            if count < 0:
                return moved + self._discard(pipe, limit - moved)
            moved += count
        return moved

    def write(self, text: bytes, time_ns: int) -> bool:
        """Append bytes with their time; False when there is no room (counted, marked later)."""
        return self.write_all([(time_ns, text)])

    def write_all(self, pieces: Sequence[tuple[int, bytes]]) -> bool:
        """Append pieces, each with its own time, in one write; False when there is no room for them."""
        text = b"".join(piece for _, piece in pieces)
        if self._is_ready(time.time_ns()):
            ahead = 0
            for time_ns, piece in pieces:
                self._segments.mark(time_ns, ahead=ahead)
                ahead += len(piece)
            if self._put(text):
                return True
        self.lost += len(text)
        return False

    def end_line(self) -> bool:
        """Close a last line that has no line end; False when there is no room."""
        if not self._segments.is_open and not segment_numbers(self.folder):
            return True
        if not self._is_open(time.time_ns()):
            return False
        return self._segments.at_line_start() or self._mark(b"\n", PARTIAL, 0)

    def retry(self) -> None:
        """Try to write down what was lost, if it is time."""
        if self.lost:
            self._is_ready(time.time_ns())

    def close(self) -> None:
        """Close the files."""
        self._segments.close()

    def _is_ready(self, now_ns: int) -> bool:
        """Tell whether the log takes bytes now."""
        return self._is_open(now_ns) and (not self.lost or self._resume(now_ns))

    def _is_open(self, now_ns: int) -> bool:
        try:
            if self._segments.is_open or now_ns >= self.retry_at:
                self._segments.prepare(now_ns)
        except OSError as error:
            self._refused(error)
        return self._segments.is_open

    # Moving bytes

    def _move(self, pipe: int) -> int:
        """Move one chunk; return its size, 0 when the pipe is empty, -1 when the disk refuses."""
        try:
            count = system.splice(pipe, self._segments.file, _SPLICE_BYTES)
            if count is None:
                count = self._copy(pipe)
            else:
                self._segments.size += count
        except BlockingIOError:
            return 0
        except OSError as error:
            self._refused(error)
            return -1
        return count

    def _copy(self, pipe: int) -> int:
        """Read and write where there is no splice; what the disk refuses of it is lost and counted."""
        chunk = os.read(pipe, 1 << 16)
        try:
            written = os.write(self._segments.file, chunk) if chunk else 0
        except OSError:
            self.lost += len(chunk)
            raise
        self._segments.size += written
        if written < len(chunk):
            self.lost += len(chunk) - written
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written

    def _discard(self, pipe: int, limit: int) -> int:
        """Drain the pipe so that nobody blocks, and count."""
        moved = 0
        with open(os.devnull, "wb", buffering=0) as sink:
            while moved < limit:
                try:
                    count = _to_sink(pipe, sink.fileno())
                except BlockingIOError:
                    break
                if count == 0:
                    break
                moved += count
        self.lost += moved
        return moved

    def _put(self, text: bytes) -> bool:
        try:
            if self._segments.append(text):
                return True
            self._refused(OSError(errno.ENOSPC, ""))
        except OSError as error:
            self._refused(error)
        return False

    # A disk that is full

    def _refused(self, error: OSError) -> None:
        now = time.time_ns()
        self._cause = error.errno or errno.EIO
        self.retry_at = now + (_LONG_RETRY_NS if now - self._gap_at < _CALM_NS else _RETRY_NS)

    def _resume(self, now_ns: int) -> bool:
        """Write the gap mark if it is time and there is room; True when the log takes bytes again."""
        if now_ns < self.retry_at:
            return False
        lost = self.lost
        has_room = self._segments.at_line_start() or self._mark(b"\n", PARTIAL, 0)
        if not has_room or not self._mark(self._gap_line(lost), GAP, lost):
            return False
        self.lost -= lost
        self._gap_at = now_ns
        return True

    def _mark(self, text: bytes, kind: int, value: int) -> bool:
        self._segments.mark(time.time_ns(), kind, value)
        return self._put(text)

    def _gap_line(self, lost: int) -> bytes:
        why = "disk full" if self._cause in _FULL else os.strerror(self._cause)
        return (
            f'{{"level": "warning", "message": "{lost} bytes lost: {why}", "fields": {{"devctl.gap.bytes": {lost}}}}}\n'
        ).encode()


def _to_sink(pipe: int, sink: int) -> int:
    moved = system.splice(pipe, sink, _SPLICE_BYTES)
    return len(os.read(pipe, 1 << 16)) if moved is None else moved
