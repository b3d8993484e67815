"""Where a supervisor is found: its lock and what that says, its runtime folder, its entry in the user's index.

Folders go away under a supervisor: a session manager empties the runtime folder, somebody renames the project, a
clean-up deletes `.devctl`. What can be put back is put back; after the rest another supervisor takes over elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

from devctl.errors import DevctlError
from devctl.keeper.start import SOCKET_NAME as KEEPER_SOCKET
from devctl.machine import boot, folders, lock_record, locks
from devctl.machine.lock_record import LockRecord
from devctl.machine.process import start_ticks, wait_until_gone
from devctl.paths import StackPaths
from devctl.record import running
from devctl.session import locate
from devctl.supervisor.stop import leave_runtime

_KEEPER_ENDS_SECONDS = 5.0  # after SIGKILL; a loaded machine takes its time


class Superseded(Exception):
    """Another supervisor holds the lock of this stack now."""


class Whereabouts:
    """The lock that this process holds, and everything that tells others where it is."""

    def __init__(self, paths: StackPaths, lock: int) -> None:
        record = lock_record.read_held(lock)
        self.paths = paths._replace(runtime_folder=locate.runtime_of(record)) if record else paths
        self._lock = lock
        self._record = record or LockRecord(os.fspath(paths.folder), os.fspath(paths.runtime), boot.boot_id())

    def begin(self) -> None:
        """Say in the lock that this process is the supervisor, and end a keeper that nobody can reach."""
        folders.make_runtime_folder(self.paths.runtime)
        locate.sign(self.paths)
        if self._record.has_keeper and not locate.answers(self.paths.runtime / KEEPER_SOCKET):
            _end_keeper(self._record.keeper)  # its instances and their output go on, and another one takes them over
        self._write(pid=os.getpid(), ticks=start_ticks(os.getpid()), runtime=os.fspath(self.paths.runtime))

    def on_keeper(self, pid: int) -> None:
        """Say in the lock who holds the instances."""
        self._write(keeper=pid, keeper_ticks=start_ticks(pid))

    def register(self) -> None:
        """Put the stack into the user's index."""
        running.register(self.paths)

    def leave(self) -> None:
        """Leave nothing behind: of a stack that is down, or that never was up."""
        running.unregister(self.paths)
        leave_runtime(self.paths)

    def look(self) -> StackPaths | None:
        """Look whether lock and folders are in place; return where another supervisor must take over, None where this
        one can go on. Superseded when another one has taken over already."""
        if not locks.is_held_by(self._lock, self.paths.lock):
            if moved := self._moved():
                return moved
            self._take_lock_again()
        return None

    def follow_folder(self) -> None:
        """Before this supervisor goes: have nothing lead to the folder that the stack had before it was renamed."""
        if moved := self._moved():
            running.unregister(self.paths)
            locate.sign(moved)

    def _moved(self) -> StackPaths | None:
        """Return the stack by the folder that it was renamed to, None when it was not."""
        folder = locks.folder_of(self._lock, self.paths)
        return self.paths._replace(folder=folder) if folder != self.paths.folder else None

    def mend_runtime(self) -> StackPaths | None:
        """Make the runtime folder again, or return where another supervisor must take over where that cannot be."""
        try:
            folders.make_runtime_folder(self.paths.runtime)
            locate.sign(self.paths)
        except (DevctlError, OSError):
            return self.paths._replace(runtime_folder=None)
        return None

    def hand_over(self, successor: StackPaths) -> None:
        """Become another supervisor of the stack, at other folders; its lock stays held."""
        self._write(folder=os.fspath(successor.folder), runtime=os.fspath(successor.runtime))
        os.set_inheritable(self._lock, True)
        options = ["--folder", str(successor.folder), "--project", successor.project, "--lock", str(self._lock)]
        os.execv(sys.executable, [sys.executable, "-P", "-m", "devctl.supervisor", *options])  # noqa: S606  no shell is wanted

    def folder(self) -> str:
        """Return where the stack's folder is at this moment."""
        return os.fspath(locks.folder_of(self._lock, self.paths))

    def _take_lock_again(self) -> None:
        lock = locks.take_lock(self.paths)
        if lock is None:
            raise Superseded
        os.close(self._lock)
        self._lock = lock
        self._write()

    def _write(self, **fields: int | str) -> None:
        self._record = self._record._replace(**fields)  # type: ignore[arg-type]
        with contextlib.suppress(OSError):  # a full disk: what it said before still leads here
            lock_record.write(self._lock, self._record)


def renamed(before: str, folder: Path) -> str:
    """Return what a person should know of a folder that was renamed while its services ran; empty when it was not."""
    if before == os.fspath(folder):
        return ""
    return (
        f"the folder was {before} when the services started, and their paths still lead there: `devctl up -d` "
        "starts them anew in this one"
    )


def _end_keeper(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid, _KEEPER_ENDS_SECONDS)
