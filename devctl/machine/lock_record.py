"""What the lock of a stack says of its supervisor: where it is reached, who it is, who holds its instances.

It is written into the lock's own file, so it is found wherever the lock is found, and goes when the lock goes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from devctl.keeper.system import boot_id
from devctl.machine.process import start_ticks

_MOST_BYTES = 1 << 14  # two paths of 4 KiB, escaped, and some numbers


class LockRecord(NamedTuple):
    """Whoever took the lock last. Numbers are 0 until the process is there; they mean something in `boot` only.

    `folder` is the stack's folder as the supervisor knows it, `runtime` that of its sockets.
    """

    folder: str
    runtime: str
    boot: str
    pid: int = 0
    ticks: int = 0
    keeper: int = 0
    keeper_ticks: int = 0

    @property
    def is_of_this_boot(self) -> bool:
        return self.boot == boot_id()

    @property
    def has_supervisor(self) -> bool:
        """Whether the supervisor lives."""
        return self.is_of_this_boot and is_alive(self.pid, self.ticks)

    @property
    def has_keeper(self) -> bool:
        """Whether the keeper lives."""
        return self.is_of_this_boot and is_alive(self.keeper, self.keeper_ticks)


def is_alive(pid: int, ticks: int) -> bool:
    """Tell whether the process of that number and start time lives."""
    return pid > 0 and start_ticks(pid) == ticks != 0


def read(path: Path) -> LockRecord | None:
    """Return what the lock at `path` says; None when there is none, or nothing in it yet."""
    try:
        file = os.open(os.fspath(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return None
    try:
        return _parse(os.pread(file, _MOST_BYTES, 0))
    finally:
        os.close(file)


def read_held(lock: int) -> LockRecord | None:
    """Return what the lock of this descriptor says."""
    return _parse(os.pread(lock, _MOST_BYTES, 0))


def write(lock: int, record: LockRecord) -> None:
    """Have the lock say `record`: in one write over what it said, so that no reader finds it cut."""
    text = json.dumps(record._asdict()).encode() + b"\n"
    os.pwrite(lock, text.rjust(os.fstat(lock).st_size), 0)


def _parse(text: bytes) -> LockRecord | None:
    try:
        fields = json.loads(text)
        return LockRecord(**{name: fields[name] for name in LockRecord._fields})
    except (ValueError, KeyError, TypeError):
        return None
