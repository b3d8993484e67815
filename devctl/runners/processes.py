"""Which living processes belong to which instance: by session, by environment tag, by ancestry, by output.

One look at the process table serves every instance. It only looks; who signals is `process`.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

LINUX = sys.platform.startswith("linux")
TAG_NAME = "DEVCTL_INSTANCE"
_TAG = TAG_NAME.encode() + b"="


@dataclass(frozen=True, slots=True)
class Row:
    """One living process (a zombie is not)."""

    pid: int
    parent: int
    session: int
    ticks: int


@dataclass(frozen=True, slots=True)
class Leader:
    """The first process of an instance, alive or not, and the tag its environment carries."""

    pid: int
    ticks: int
    tag: str


class Table:
    """Finds the processes of instances; remembers the tags of processes that it has met."""

    def __init__(self, fifo_folder: str) -> None:
        self._fifo_folder = fifo_folder + "/"
        self._tags: dict[tuple[int, int], str] = {}

    def members(self, leaders: Mapping[str, Leader], keeper: int = 0) -> dict[str, list[Row]]:
        """Return the living processes of each instance, in one look at all processes."""
        rows = {row.pid: row for row in self._look()}
        owners = self._direct_owners(rows, leaders, keeper)
        members: dict[str, list[Row]] = {instance: [] for instance in leaders}
        for row in rows.values():
            if owner := _owner(row, rows, owners):
                members[owner].append(row)
        self._forget(rows)
        return members

    def _look(self) -> Iterable[Row]:
        return _rows()

    def _direct_owners(self, rows: Mapping[int, Row], leaders: Mapping[str, Leader], keeper: int) -> dict[int, str]:
        sessions = {
            leader.pid: instance
            for instance, leader in leaders.items()
            if leader.pid not in rows or rows[leader.pid].ticks == leader.ticks  # else the number is another's by now
        }
        tags = {leader.tag: instance for instance, leader in leaders.items()}
        ours = {os.getpid(), keeper}
        owners: dict[int, str] = {}
        first = min((leader.ticks for leader in leaders.values()), default=0)  # nobody of an instance is older
        for row in rows.values():
            if row.ticks < first:
                continue
            owner = sessions.get(row.session) or tags.get(self._tag(row))
            if not owner and row.parent in (1, keeper):
                owner = self._by_output(row.pid, leaders)
            if owner and row.pid not in ours:
                owners[row.pid] = owner
        return owners

    def _tag(self, row: Row) -> str:
        key = (row.pid, row.ticks)
        if key not in self._tags:
            environment = _environment(row.pid)
            if not environment:
                return ""
            self._tags[key] = _tag_in(environment)
        return self._tags[key]

    def _by_output(self, pid: int, leaders: Mapping[str, Leader]) -> str:
        """Find an orphan that wiped its environment by the FIFO that it still writes to."""
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    target = os.readlink(f"/proc/{pid}/fd/{fd}")
                    if target.startswith(self._fifo_folder):
                        instance = target[len(self._fifo_folder) :].removesuffix(" (deleted)")
                        if instance in leaders:
                            return instance
        return ""

    def _forget(self, rows: Mapping[int, Row]) -> None:
        gone = [key for key in self._tags if key[0] not in rows]
        for key in gone:
            del self._tags[key]


def send(row: Row, number: int) -> bool:
    """Send a signal to exactly this process, never to a later one of the same number; False when it is gone."""
    if row.pid <= 0:
        return False
    try:
        return _deliver(row, number)
    except (ProcessLookupError, PermissionError):
        return False


def _deliver(row: Row, number: int) -> bool:
    if sys.platform == "linux":
        process = os.pidfd_open(row.pid)
        try:
            if is_same := ticks_of(row.pid) == row.ticks:
                signal.pidfd_send_signal(process, number)
        finally:
            os.close(process)
    elif is_same := ticks_of(row.pid) == row.ticks:  # it may end and its number be taken right now
        os.kill(row.pid, number)
    return is_same


def ticks_of(pid: int) -> int:
    """Return when `pid` started in the platform's unit (see `runners.base.Identity`); 0 when it is gone."""
    if LINUX:
        row = _row(pid)
        return row.ticks if row else 0
    import psutil

    try:
        return int(psutil.Process(pid).create_time() * 1_000_000)
    except psutil.Error:
        return 0


def _owner(row: Row, rows: Mapping[int, Row], owners: dict[int, str]) -> str:
    """Walk up to the nearest ancestor whose owner is known."""
    path: list[int] = []
    at: Row | None = row
    while at and at.pid not in owners and len(path) < len(rows):
        path.append(at.pid)
        at = rows.get(at.parent)
    owner = owners.get(at.pid, "") if at else ""
    if owner:
        owners.update(dict.fromkeys(path, owner))
    return owner


def _rows() -> Iterator[Row]:
    if not LINUX:
        return _rows_elsewhere()
    return _rows_of_proc()


def _rows_of_proc() -> Iterator[Row]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            row = _row(int(name))
            if row:
                yield row


def _row(pid: int) -> Row | None:
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            text = os.read(fd, 1024)
        finally:
            os.close(fd)
    except OSError:
        return None
    words = text[text.rfind(b")") + 2 :].split(None, 20)
    if len(words) < 20 or words[0] in (b"Z", b"X", b"x"):
        return None
    return Row(pid, int(words[1]), int(words[3]), int(words[19]))


def _rows_elsewhere() -> Iterator[Row]:
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE:
                yield Row(process.pid, process.ppid(), os.getsid(process.pid), int(process.create_time() * 1_000_000))


def _environment(pid: int) -> bytes:
    if LINUX:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return file.read()
        except OSError:
            return b""
    import psutil

    try:
        value = psutil.Process(pid).environ().get(TAG_NAME, "")
    except (psutil.Error, OSError):
        return b""
    return _TAG + value.encode()


def _tag_in(environment: bytes) -> str:
    for entry in environment.split(b"\0"):
        if entry.startswith(_TAG):
            return entry[len(_TAG) :].decode(errors="replace")
    return ""
