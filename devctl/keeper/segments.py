"""The log format: raw bytes in numbered segments, each beside an index of fixed-size entries. Owns writing;
reading is `devctl.record.logs`.

An entry says from which stream offset on the bytes arrived at which time, so the stream of an instance is
numbered without gaps over all its segments. The entry is written before its bytes: bytes without an entry
cannot be, an entry without bytes is overruled by the next one at the same offset.
"""

import contextlib
import errno
import os
import struct
import time

ENTRY = struct.Struct("<QQQ")
"""Stream offset, arrival in ns since 1970, kind in the top byte above a value."""

CHUNK, PARTIAL, GAP = 0, 1, 2
"""Kinds of entry: bytes of the instance; a line end that devctl added; a note about `value` bytes lost."""

KIND_SHIFT = 56
VALUE_MASK = (1 << KIND_SHIFT) - 1
SMALLEST_SEGMENT, LARGEST_SEGMENT = 1 << 16, 32 << 20
SEGMENTS_PER_LOG = 8
_CHECK_NS = 500_000_000  # how often a log that grows looks whether its file was taken away
_RETRY_NS = 1_000_000_000
_CALM_NS = 30_000_000_000  # within this after a gap mark the next retry waits longer
_LONG_RETRY_NS = 4_000_000_000
_SPLICE_BYTES = 1 << 20
_HAS_SPLICE = hasattr(os, "splice")


def log_path(folder: str, number: int) -> str:
    """Return the path of a segment's bytes."""
    return f"{folder}/{number:04d}.log"


def index_path(folder: str, number: int) -> str:
    """Return the path of a segment's index."""
    return f"{folder}/{number:04d}.idx"


def segment_numbers(folder: str) -> list[int]:
    """Return the numbers of the segments in `folder`, oldest first; none when there is no such folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(int(name[:-4]) for name in names if name.endswith(".log") and name[:-4].isdigit())


def first_offset(folder: str, number: int) -> int | None:
    """Return the stream offset at which a segment begins; None when its index does not say."""
    try:
        with open(index_path(folder, number), "rb") as file:
            head = file.read(ENTRY.size)
    except OSError:
        return None
    return int(ENTRY.unpack(head)[0]) if len(head) == ENTRY.size else None


def file_size(path: str) -> int:
    """Return the size of a file, 0 when there is none."""
    try:
        return os.stat(path, follow_symlinks=False).st_size
    except OSError:
        return 0


class SegmentLog:
    """The writing end of one instance's log. One writer at a time; it never raises for a disk that is full:
    it drains, counts, and writes down what was lost when there is room again."""

    def __init__(self, folder: str, cap_bytes: int) -> None:
        self.folder = folder
        self.cap_bytes = cap_bytes
        self.segment_bytes = min(max(cap_bytes // SEGMENTS_PER_LOG, SMALLEST_SEGMENT), LARGEST_SEGMENT)
        self.number, self.base = 1, 0
        self.lost = 0
        self.retry_at = 0
        self._cause = 0
        self._gap_at = 0
        self._checked_at = 0
        self.size = 0
        self._line_open_before = False  # the segment before this one ended within a line
        self._open_newest()

    @property
    def end(self) -> int:
        """The stream offset after the last byte."""
        return self.base + self.size

    def take(self, pipe: int, limit: int = 1 << 62) -> int:
        """Move what lies in the pipe (at most about `limit` bytes) into the log; return how many bytes."""
        now = time.time_ns()
        self._prepare(now)
        if self.lost and not self._resume(now):
            return self._discard(pipe, limit)
        self.mark(now)
        moved = 0
        while moved < limit:
            count = self._move(pipe)
            if count == 0:
                break
            if count < 0:
                return moved + self._discard(pipe, limit - moved)
            moved += count
        return moved

    def write(self, text: bytes, time_ns: int, kind: int = CHUNK, value: int = 0) -> bool:
        """Append whole lines with their time; False when there is no room (counted, marked later)."""
        now = time.time_ns()
        self._prepare(now)
        if (not self.lost or self._resume(now)) and self._append(text, time_ns, kind, value):
            return True
        self.lost += len(text)
        return False

    def end_line(self) -> bool:
        """Close a last line that has no line end; False when there is no room."""
        return self._at_line_start() or self._append(b"\n", time.time_ns(), PARTIAL, 0)

    def retry(self) -> None:
        """Try to write down what was lost, if it is time."""
        if self.lost:
            self._resume(time.time_ns())

    def write_all(self, lines: list[tuple[int, bytes]]) -> None:
        """Append whole lines, each with its own time, in one write; what finds no room is counted."""
        now = time.time_ns()
        self._prepare(now)
        text = b"".join(line for _, line in lines)
        if self.lost and not self._resume(now):
            self.lost += len(text)
            return
        size = self.size
        for time_ns, line in lines:
            self.mark(time_ns)
            self.size += len(line)
        self.size = size
        if not self._put(text):
            self.lost += len(text)

    def mark(self, time_ns: int, kind: int = CHUNK, value: int = 0) -> None:
        """Write the entry for the bytes that come next."""
        entry = ENTRY.pack(self.end, time_ns, kind << KIND_SHIFT | value & VALUE_MASK)
        try:
            if os.pwrite(self._index, entry, self._index_size) == ENTRY.size:
                self._index_size += ENTRY.size
        except OSError:
            pass  # a full disk: these bytes count as arrived with the ones before them

    def close(self) -> None:
        """Give the files back."""
        os.close(self._file)
        os.close(self._index)

    # Moving bytes

    def _move(self, pipe: int) -> int:
        """Move one chunk; return its size, 0 when the pipe is empty, -1 when the disk refuses."""
        try:
            if _HAS_SPLICE:
                count = os.splice(pipe, self._file, _SPLICE_BYTES, flags=os.SPLICE_F_NONBLOCK)
            else:
                count = self._copy(pipe)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._refused(error)
            return -1
        self.size += count
        return count

    def _copy(self, pipe: int) -> int:
        chunk = os.read(pipe, 1 << 16)
        written = os.write(self._file, chunk) if chunk else 0
        if written < len(chunk):
            self.size += written
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

    def _append(self, text: bytes, time_ns: int, kind: int, value: int) -> bool:
        """Write all of `text` or nothing."""
        self.mark(time_ns, kind, value)
        return self._put(text)

    def _put(self, text: bytes) -> bool:
        try:
            written = os.write(self._file, text)
        except OSError as error:
            self._refused(error)
            return False
        if written == len(text):
            self.size += written
            return True
        os.ftruncate(self._file, self.size)
        os.lseek(self._file, self.size, os.SEEK_SET)
        self._refused(OSError(errno.ENOSPC, ""))
        return False

    # A disk that is full

    def _refused(self, error: OSError) -> None:
        now = time.time_ns()
        self._cause = error.errno or errno.EIO
        self.retry_at = now + (_LONG_RETRY_NS if now - self._gap_at < _CALM_NS else _RETRY_NS)

    def _resume(self, now: int) -> bool:
        """Write the gap mark if it is time and there is room; True when the log takes bytes again."""
        if now < self.retry_at:
            return False
        lost = self.lost
        if not self.end_line() or not self._append(self._gap_note(lost), now, GAP, lost):
            return False
        self.lost -= lost
        self._gap_at = now
        return True

    def _gap_note(self, lost: int) -> bytes:
        why = "disk full" if self._cause in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else os.strerror(self._cause)
        return (
            f'{{"level": "warning", "message": "{lost} bytes lost: {why}", "fields": {{"devctl.gap.bytes": {lost}}}}}\n'
        ).encode()

    # Segments

    def _open_newest(self) -> None:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        numbers = segment_numbers(self.folder)
        if not numbers or os.path.islink(log_path(self.folder, numbers[-1])):
            return self._open(numbers[-1] + 1 if numbers else 1, _end_of(self.folder, numbers))
        base = first_offset(self.folder, numbers[-1])
        self._open(numbers[-1], base if base is not None else _end_of(self.folder, numbers[:-1]))
        return self._mend()

    def _open(self, number: int, base: int) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        index = os.open(index_path(self.folder, number), flags, 0o600)
        size = file_size(log_path(self.folder, number))
        index_size = os.fstat(index).st_size // ENTRY.size * ENTRY.size
        if not index_size:  # written before the segment exists, so that no reader meets one without a beginning
            with contextlib.suppress(OSError):
                index_size = os.pwrite(index, ENTRY.pack(base, time.time_ns(), CHUNK), 0)
        try:
            self._file = os.open(log_path(self.folder, number), flags, 0o600)
        except OSError:
            os.close(index)
            raise
        os.lseek(self._file, size, os.SEEK_SET)
        self._index, self._index_size = index, index_size // ENTRY.size * ENTRY.size
        self.number, self.base, self.size = number, base, size

    def _mend(self) -> None:
        """Drop what a power cut left: half an entry, and entries for bytes that never reached the disk."""
        while self._index_size > ENTRY.size:
            last = os.pread(self._index, ENTRY.size, self._index_size - ENTRY.size)
            if ENTRY.unpack(last)[0] <= self.end:
                break
            self._index_size -= ENTRY.size
        with contextlib.suppress(OSError):
            os.ftruncate(self._index, self._index_size)

    def _prepare(self, now: int) -> None:
        """Begin another segment when this one is full, or is no longer what its name leads to."""
        was_cut = os.fstat(self._file).st_size != self.size
        if was_cut or self._is_full():
            self._rotate()
        elif now - self._checked_at > _CHECK_NS:
            self._checked_at = now
            if not self._is_in_place():
                self._rotate()

    def _is_full(self) -> bool:
        at_least, at_most = self.segment_bytes, 2 * self.segment_bytes
        return self.size >= at_most or (self.size >= at_least and self._at_line_start())

    def _rotate(self) -> None:
        old_file, old_index = self._file, self._index
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            numbers = segment_numbers(self.folder)
            line_open = not self._at_line_start()
            self._open(max([self.number, *numbers]) + 1, self.end)
            self._line_open_before = line_open
        except OSError as error:  # no room for another file: the old one takes what it can
            return self._refused(error)
        os.close(old_file)
        os.close(old_index)
        return self._evict()

    def _is_in_place(self) -> bool:
        mine = os.fstat(self._file)
        try:
            found = os.stat(log_path(self.folder, self.number), follow_symlinks=False)
            os.stat(index_path(self.folder, self.number), follow_symlinks=False)
        except OSError:
            return False
        return (mine.st_ino, mine.st_dev) == (found.st_ino, found.st_dev)

    def _evict(self) -> None:
        """Keep within the cap: the first segment (how it began) and the newest ones stay."""
        numbers = segment_numbers(self.folder)
        sizes = {number: file_size(log_path(self.folder, number)) for number in numbers}
        room = self.cap_bytes - self.segment_bytes
        for number in numbers[1:-1]:
            if sum(sizes.values()) <= room:
                break
            for path in (log_path(self.folder, number), index_path(self.folder, number)):
                with contextlib.suppress(OSError):
                    os.unlink(path)
            del sizes[number]

    def _at_line_start(self) -> bool:
        if self.size == 0:
            return not self._line_open_before
        return os.pread(self._file, 1, self.size - 1) == b"\n"


def _to_sink(pipe: int, sink: int) -> int:
    if _HAS_SPLICE:
        return os.splice(pipe, sink, _SPLICE_BYTES, flags=os.SPLICE_F_NONBLOCK)
    return len(os.read(pipe, 1 << 16))


def _end_of(folder: str, numbers: list[int]) -> int:
    """Return the stream offset at which the last of these segments ends."""
    end = 0
    for number in numbers:
        base = first_offset(folder, number)
        end = (end if base is None else base) + file_size(log_path(folder, number))
    return end
