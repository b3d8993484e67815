"""The log format: raw bytes in numbered segments, each beside an index of fixed-size entries. Owns the files that
are written; what a full disk means is `log`, reading is `devctl.record.logs`.

An entry says from which stream offset on the bytes arrived at which time, so the stream of an instance is
numbered without gaps over all its segments. The entry is written before its bytes: bytes without an entry
cannot be, an entry without bytes is overruled by the next one at the same offset.
"""

import contextlib
import os
import struct
import time

from devctl.keeper import system

ENTRY = struct.Struct("<QQQ")
"""Stream offset, arrival in ns since 1970, kind in the top byte above a value."""

CHUNK, PARTIAL, GAP = 0, 1, 2
"""Kinds of entry: bytes of the instance; a line end that devctl added; a note about `value` bytes lost."""

KIND_SHIFT = 56
VALUE_MASK = (1 << KIND_SHIFT) - 1
SMALLEST_SEGMENT, LARGEST_SEGMENT = 1 << 16, 32 << 20
SEGMENTS_PER_LOG = 8
_CHECK_NS = 500_000_000  # how often a log that grows looks whether its file was taken away


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


class Segments:
    """The segments of one instance as their one writer has them open. OSError where the disk refuses."""

    def __init__(self, folder: str, cap_bytes: int) -> None:
        self.folder = folder
        self.cap_bytes = cap_bytes
        self.segment_bytes = min(max(cap_bytes // SEGMENTS_PER_LOG, SMALLEST_SEGMENT), LARGEST_SEGMENT)
        self.is_open = False
        self.file = self._index = -1
        self.size = self._base = self._index_size = self._checked_at = 0
        self._number = 1
        self._line_open_before = False  # the segment before this one ended within a line
        self._anchor = _open_folder(folder)  # by which the folder is known until a file in it is open

    @property
    def end(self) -> int:
        """The stream offset after the last byte."""
        return self._base + self.size

    def prepare(self, now_ns: int) -> None:
        """Open the newest segment, or another one when that is full or no longer what its name leads to."""
        if not self.is_open:
            self._open_newest()
        elif os.fstat(self.file).st_size != self.size or self._is_full():  # somebody cut it, or it is time
            self._rotate()
        elif now_ns - self._checked_at > _CHECK_NS:
            self._checked_at = now_ns
            if not self._is_in_place() and not self._follow_folder():
                self._rotate()

    def mark(self, time_ns: int, kind: int = CHUNK, value: int = 0, *, ahead: int = 0) -> None:
        """Write the entry for the bytes that come next, or `ahead` bytes later."""
        entry = ENTRY.pack(self.end + ahead, time_ns, kind << KIND_SHIFT | value & VALUE_MASK)
        with contextlib.suppress(OSError):  # a full disk: these bytes count as arrived with the ones before them
            if os.pwrite(self._index, entry, self._index_size) == ENTRY.size:
                self._index_size += ENTRY.size

    def append(self, text: bytes) -> bool:
        """Write all of `text` or nothing; False when only a part found room."""
        written = os.write(self.file, text)
        if written == len(text):
            self.size += written
            return True
        os.ftruncate(self.file, self.size)
        os.lseek(self.file, self.size, os.SEEK_SET)
        return False

    def at_line_start(self) -> bool:
        """Tell whether the next byte begins a line."""
        if self.size == 0:
            return not self._line_open_before
        return os.pread(self.file, 1, self.size - 1) == b"\n"

    def close(self) -> None:
        """Close the files, and leave no folder without any."""
        if self._anchor >= 0:
            self._drop_anchor()
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)
        if self.is_open:
            self.is_open = False
            os.close(self.file)
            os.close(self._index)

    def _open_newest(self) -> None:
        self._follow_anchor()
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        numbers = segment_numbers(self.folder)
        if not numbers or os.path.islink(log_path(self.folder, numbers[-1])):
            self._open(numbers[-1] + 1 if numbers else 1, _end_of(self.folder, numbers))
            return
        base = first_offset(self.folder, numbers[-1])
        self._open(numbers[-1], base if base is not None else _end_of(self.folder, numbers[:-1]))
        self._mend()

    def _open(self, number: int, base: int) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        index = os.open(index_path(self.folder, number), flags, 0o600)
        size = file_size(log_path(self.folder, number))
        index_size = os.fstat(index).st_size // ENTRY.size * ENTRY.size
        if not index_size:  # written before the segment exists, so that no reader meets one without a beginning
            with contextlib.suppress(OSError):
                index_size = os.pwrite(index, ENTRY.pack(base, time.time_ns(), CHUNK), 0)
        try:
            file = os.open(log_path(self.folder, number), flags, 0o600)
        except OSError:
            os.close(index)
            raise
        self.close()
        os.lseek(file, size, os.SEEK_SET)
        self.file, self._index, self._index_size = file, index, index_size // ENTRY.size * ENTRY.size
        self._number, self._base, self.size = number, base, size
        self.is_open = True

    def _mend(self) -> None:
        """Drop what a power cut left: half an entry, and entries for bytes that never reached the disk."""
        while self._index_size > ENTRY.size:
            last = os.pread(self._index, ENTRY.size, self._index_size - ENTRY.size)
            if ENTRY.unpack(last)[0] <= self.end:
                break
            self._index_size -= ENTRY.size
        with contextlib.suppress(OSError):
            os.ftruncate(self._index, self._index_size)

    def _is_full(self) -> bool:
        at_least, at_most = self.segment_bytes, 2 * self.segment_bytes
        return self.size >= at_most or (self.size >= at_least and self.at_line_start())

    def _rotate(self) -> None:
        line_open = not self.at_line_start()
        self._follow_folder()
        with contextlib.suppress(OSError):  # no room for another file: the old one takes what it can
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            self._open(max([self._number, *segment_numbers(self.folder)]) + 1, self.end)
            self._line_open_before = line_open
            self._evict()

    def _follow_anchor(self) -> None:
        """Begin in the folder where it is by now, if it was renamed since it was made."""
        if self._anchor >= 0:
            with contextlib.suppress(OSError):
                path = system.path_of(self._anchor)
                if path and os.path.samestat(os.stat(path), os.fstat(self._anchor)):
                    self.folder = path
            self._drop_anchor()

    def _drop_anchor(self) -> None:
        if self._anchor >= 0:
            os.close(self._anchor)
            self._anchor = -1

    def _follow_folder(self) -> bool:
        """Go on in the folder where it is by now, if it was renamed with these files in it; tell whether it was."""
        before, self.folder = self.folder, os.path.dirname(system.path_of(self.file)) or self.folder
        if self.folder != before and self._is_in_place():
            return True
        self.folder = before
        return False

    def _is_in_place(self) -> bool:
        mine = os.fstat(self.file)
        try:
            named = os.stat(log_path(self.folder, self._number), follow_symlinks=False)
            os.stat(index_path(self.folder, self._number), follow_symlinks=False)
        except OSError:
            return False
        return (mine.st_ino, mine.st_dev) == (named.st_ino, named.st_dev)

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


def _open_folder(path: str) -> int:
    """Make a folder and return a descriptor of it; -1 where the disk refuses."""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return -1


def _end_of(folder: str, numbers: list[int]) -> int:
    """Return the stream offset at which the last of these segments ends."""
    end = 0
    for number in numbers:
        base = first_offset(folder, number)
        end = (end if base is None else base) + file_size(log_path(folder, number))
    return end
