"""One look at all processes of this machine: which session each belongs to, its state, and what it uses of its limits.

For people who wonder why a service does nothing. Empty where there is no /proc.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from devctl.machine import listening

STOPPED, UNINTERRUPTIBLE = "T", "D"
"""States of proc(5); `t` is a process that a debugger holds."""

_STATE, _PARENT, _SESSION, _USER_TICKS, _SYSTEM_TICKS = 0, 1, 3, 11, 12
_STAT_BYTES = 1024  # a line of /proc/PID/stat is shorter: 52 numbers and a name of at most 64 bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One process. `cpu_seconds` is what it has used since its start."""

    pid: int
    name: str
    state: str
    parent: int
    session: int
    cpu_seconds: float

    @property
    def is_stopped(self) -> bool:
        """Whether a signal or a debugger holds it."""
        return self.state in (STOPPED, "t")


class Survey:
    """All processes at one moment; what lies deeper is read when it is asked for."""

    @cached_property
    def entries(self) -> dict[int, Entry]:
        """Every process by its pid."""
        return {entry.pid: entry for entry in _scan()}

    @cached_property
    def listeners(self) -> dict[str, int]:
        """Who listens where: `host:port` → pid, 0 where nobody may know."""
        return listening.owners()

    @cached_property
    def waiting_per_core(self) -> float:
        """How many processes share each core of late, at least 1: who must wait for it is not idle."""
        return max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0)

    def tree(self, leader: int) -> list[Entry]:
        """Return the processes of the session that `leader` leads, and what descends from it."""
        members = {pid for pid, entry in self.entries.items() if leader in (pid, entry.session)}
        while more := {p for p, e in self.entries.items() if e.parent in members} - members:
            members |= more
        return [self.entries[pid] for pid in sorted(members)] if leader else []

    def addresses_of(self, leader: int) -> list[str]:
        """Return the `host:port` that the tree of `leader` listens on."""
        members = {entry.pid for entry in self.tree(leader)}
        return [address for address, pid in self.listeners.items() if pid in members]

    def owner_of(self, port: int) -> Entry | None:
        """Return the process that listens on a port of this machine, None when nobody does or nobody may know."""
        pids = (pid for address, pid in self.listeners.items() if address.rpartition(":")[2] == str(port))
        return next((self.entries[pid] for pid in pids if pid in self.entries), None)

    def is_listening(self, port: int) -> bool:
        """Tell whether anybody listens on a port of this machine."""
        return any(address.rpartition(":")[2] == str(port) for address in self.listeners)


_SAMPLE_SECONDS = 0.25  # the kernel counts in ticks of 10 ms


def processor_shares(seconds: float = _SAMPLE_SECONDS) -> dict[int, float]:
    """Return how much of a core each process used over a moment."""
    before, began = Survey().entries, time.monotonic()
    time.sleep(seconds)
    after, took = Survey().entries, time.monotonic() - began
    return {pid: (each.cpu_seconds - before[pid].cpu_seconds) / took for pid, each in after.items() if pid in before}


@dataclass(frozen=True, slots=True)
class Files:
    """How many files a process holds open, and how many it may."""

    count: int
    limit: int


def open_files(pid: int) -> Files | None:
    """Return the open files of a process; None where they cannot be read."""
    try:
        count = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  a path object per file is dear
        with open(f"/proc/{pid}/limits") as file:
            limit = next((line.split()[3] for line in file if line.startswith("Max open files")), "unlimited")
    except OSError:
        return None
    return Files(count, int(limit)) if limit.isdigit() else None


def free_bytes(folder: str) -> tuple[int, int] | None:
    """Return free and total bytes of the file system that holds `folder`; None where it cannot be asked."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


def _scan() -> Iterator[Entry]:
    hertz = os.sysconf("SC_CLK_TCK")
    with contextlib.suppress(OSError), os.scandir("/proc") as folders:
        for folder in folders:
            if folder.name.isdigit() and (entry := _entry(folder.name, hertz)):
                yield entry


def _entry(pid: str, hertz: int) -> Entry | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read(_STAT_BYTES)
    except OSError:
        return None
    name = text[text.find(b"(") + 1 : text.rfind(b")")].decode(errors="replace")
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) <= _SYSTEM_TICKS:
        return None
    ticks = int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])
    return Entry(int(pid), name, fields[_STATE].decode(), int(fields[_PARENT]), int(fields[_SESSION]), ticks / hertz)
