"""Which living processes belong to which instance: by session, by environment tag, by ancestry, by output.

One scan of the process table serves every instance.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping

from devctl.core.launch import Launch
from devctl.machine.process import LINUX, PARENT, SESSION, START_TICKS, creation_ticks, send_exactly, stat_fields
from devctl.values import dataclass

TAG_NAME = "DEVCTL_INSTANCE"
_TAG = TAG_NAME.encode() + b"="


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """One living process (a zombie is not)."""

    pid: int
    parent: int
    session: int
    ticks: int


@dataclass(frozen=True, slots=True)
class SessionLeader:
    """The first process of an instance, alive or not, and the tag its environment carries."""

    pid: int
    ticks: int
    tag: str


def tag(launch: Launch) -> str:
    """Return what marks the environment of everything that an instance starts."""
    return f"{launch.run}/{launch.instance}"


class Table:
    """Finds the processes of instances; remembers the tags of processes that it has seen."""

    def __init__(self, fifo_folder: str) -> None:
        self._fifo_folder = fifo_folder + "/"
        self._tags: dict[tuple[int, int], str] = {}

    def members(self, leaders: Mapping[str, SessionLeader], keeper: int = 0) -> dict[str, list[ProcessEntry]]:
        """Return the living processes of each instance, in one scan of all processes."""
        entries = {entry.pid: entry for entry in self._scan()}
        owners = self._direct_owners(entries, leaders, keeper)
        members: dict[str, list[ProcessEntry]] = {instance: [] for instance in leaders}
        for entry in entries.values():
            if owner := _owner(entry, entries, owners):
                members[owner].append(entry)
        self._forget(entries)
        return members

    def _scan(self) -> Iterable[ProcessEntry]:
        return _entries()

    def _direct_owners(
        self, entries: Mapping[int, ProcessEntry], leaders: Mapping[str, SessionLeader], keeper: int
    ) -> dict[int, str]:
        sessions = {
            leader.pid: instance
            for instance, leader in leaders.items()
            if leader.pid not in entries or entries[leader.pid].ticks == leader.ticks  # else somebody else's
        }
        tags = {leader.tag: instance for instance, leader in leaders.items()}
        ours = {os.getpid(), keeper}
        owners: dict[int, str] = {}
        first = min((leader.ticks for leader in leaders.values()), default=0)  # nobody of an instance is older
        for entry in entries.values():
            if entry.ticks < first:
                continue
            owner = sessions.get(entry.session) or tags.get(self._tag(entry))
            if not owner and entry.parent in (1, keeper):
                owner = self._by_output(entry.pid, leaders)
            if owner and entry.pid not in ours:
                owners[entry.pid] = owner
        return owners

    def _tag(self, entry: ProcessEntry) -> str:
        key = (entry.pid, entry.ticks)
        if key not in self._tags:
            environment = _environment(entry.pid)
            if not environment:
                return ""
            self._tags[key] = _tag_in(environment)
        return self._tags[key]

    def _by_output(self, pid: int, leaders: Mapping[str, SessionLeader]) -> str:
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

    def _forget(self, entries: Mapping[int, ProcessEntry]) -> None:
        gone = [key for key in self._tags if key[0] not in entries]
        for key in gone:
            del self._tags[key]


def send(entry: ProcessEntry, number: int) -> bool:
    """Send a signal to exactly this process, never to a later one of the same number; False when it is gone."""
    if entry.pid <= 0:
        return False
    try:
        return send_exactly(entry.pid, entry.ticks, number)
    except (ProcessLookupError, PermissionError):
        return False


def _owner(entry: ProcessEntry, entries: Mapping[int, ProcessEntry], owners: dict[int, str]) -> str:
    """Walk up to the nearest ancestor that has an owner."""
    path: list[int] = []
    at: ProcessEntry | None = entry
    while at and at.pid not in owners and len(path) < len(entries):
        path.append(at.pid)
        at = entries.get(at.parent)
    owner = owners.get(at.pid, "") if at else ""
    if owner:
        owners.update(dict.fromkeys(path, owner))
    return owner


def _entries() -> Iterator[ProcessEntry]:
    if not LINUX:
        return _entries_elsewhere()
    return _entries_of_proc()


def _entries_of_proc() -> Iterator[ProcessEntry]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            entry = _entry(int(name))
            if entry:
                yield entry


def _entry(pid: int) -> ProcessEntry | None:
    fields = stat_fields(pid)
    return ProcessEntry(pid, int(fields[PARENT]), int(fields[SESSION]), int(fields[START_TICKS])) if fields else None


def _entries_elsewhere() -> Iterator[ProcessEntry]:
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE:
                yield ProcessEntry(
                    process.pid, process.ppid(), os.getsid(process.pid), creation_ticks(process.create_time())
                )


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
