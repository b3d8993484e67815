"""Finds the supervisor of a stack, or starts it, and hands out a client that is connected to it.

Standard library only, no asyncio and no heavy import: every command pays for this module.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

from devctl.errors import DevctlError, EnvironmentProblem, ExitCode
from devctl.keeper.start import LOCK_FD, close_inheritable, move_out_of_way
from devctl.keeper.system import default_signals
from devctl.machine import folders, lock_record, stopped
from devctl.machine.boot import boot_id
from devctl.machine.lock_record import LockRecord
from devctl.machine.locks import leave_state_folder, take_lock
from devctl.machine.process import wait_until_gone
from devctl.paths import StackPaths
from devctl.session import locate
from devctl.session.client import Client
from devctl.session.locate import Location, is_running

__all__ = ["Prepared", "connect", "is_running", "prepare"]

ERRORS_NAME = "supervisor.err"
"""What a supervisor says before it has a run to log into, in the runtime folder."""

_FRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
_ANSWER_SECONDS = 20.0  # how long a supervisor may take to answer its socket after it was started
_UNUSED_SECONDS = 2.0  # how long a supervisor that nobody needs may take to end
_LEAVE_SECONDS = 10.0  # how long a supervisor may take to leave a folder that was renamed
_FIRST_PAUSE_SECONDS, _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS = 0.002, 1.2, 0.02  # a start takes 80 ms and more


def connect(paths: StackPaths, *, start: bool = False) -> Client | None:
    """Return a client of the running supervisor of `paths`.

    With `start` one is started when none runs; without it, one is started only for a stack whose supervisor
    died (so that readers find it again), and None means that nothing runs.
    """
    try:
        prepared = prepare(paths, start=start)
        return prepared.connect() if prepared else None
    except _NothingLeft:
        return None


class _NothingLeft(Exception):
    """The stack was taken down while a reader waited for its supervisor: there is nothing to start another one for."""


def prepare(paths: StackPaths, *, start: bool = False) -> Prepared | None:
    """Begin to connect: start the supervisor's process if need be and return at once.

    Lets a command load its manifest while the supervisor's interpreter starts. Follow with `connect`, or with
    `cancel` when the manifest is refused.
    """
    location = _locate(paths)
    if connection := location.reach() or (location.record is None and locate.reach_without_lock(paths)):
        return Prepared(paths, connection)
    if not start and not locate.is_left_behind(location):
        return None
    prepared = Prepared(paths, starts=start)
    prepared.begin()
    return prepared


def _locate(paths: StackPaths) -> Location:
    """Return where a stack is reached, after a supervisor that knows it by an earlier folder has left."""
    location = locate.locate(paths)
    if location.was_renamed and location.record:
        _dismiss(location.record)
        return locate.locate(paths)
    return location


def _dismiss(record: LockRecord) -> None:
    """Have a supervisor leave its stack, which goes on, to one that knows where the stack is now."""
    if record.has_supervisor:
        with contextlib.suppress(OSError):
            os.kill(record.pid, signal.SIGTERM)
        wait_until_gone(record.pid, _LEAVE_SECONDS)


class Prepared:
    """A connection to be: the supervisor is there, or its process is on its way."""

    def __init__(self, paths: StackPaths, connection: socket.socket | None = None, *, starts: bool = False) -> None:
        self._paths = paths
        self._starts = starts  # also where nothing runs
        self._connection = connection
        self._pid = 0  # of the process that was started here, which alone is to hold the lock
        self._failure: EnvironmentProblem | None = None  # why that process came to nothing
        self._lock = -1

    def begin(self) -> None:
        """Start a supervisor, unless somebody else is starting one or has by now."""
        lock = take_lock(self._paths)
        if lock is None:
            return
        self._lock = lock
        location = locate.locate(self._paths)
        try:
            self._connection = location.reach()
            if self._connection is None:
                if not self._starts and not locate.is_left_behind(location):
                    raise _NothingLeft
                self._pid = _spawn(location, lock)
                return
        except BaseException:
            if location.record is None:
                leave_state_folder(self._paths)
            self._release()
            raise
        self._release()

    def connect(self) -> Client:
        """Wait until the supervisor answers and return the client."""
        paths = self._paths
        return Client(self.reach(), lambda start: _reach_again(paths, start=start), started=self._pid != 0)

    def reach(self) -> socket.socket:
        """Wait until the supervisor answers and return the connection."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        pause = _FIRST_PAUSE_SECONDS
        while (connection := self._connection or self._reach()) is None:
            if self._look_after_child():
                deadline = time.monotonic() + _ANSWER_SECONDS
            if time.monotonic() > deadline:
                raise _no_answer(locate.locate(self._paths))
            time.sleep(pause)
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)
        self._release()
        return connection

    def _reach(self) -> socket.socket | None:
        return locate.locate(self._paths).reach()

    def cancel(self) -> None:
        """Let go without asking for anything: a supervisor that nobody else has joined meanwhile ends by itself."""
        self._starts = False
        with contextlib.suppress(DevctlError, _NothingLeft):
            self.reach().close()
        if self._pid:
            wait_until_gone(self._pid, _UNUSED_SECONDS)

    def _look_after_child(self) -> bool:
        """Raise when the process that was started has failed; start one when another starter's came to nothing.

        Return whether a second one was started because the first had nobody to serve for so long that it left, as
        while this command was suspended.
        """
        if self._failure:
            raise self._failure
        if not self._pid:
            self.begin()
            return False
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid and status == 0:
            self._pid = 0
            self._release()
            self.begin()
            return True
        if pid:
            runtime = locate.locate(self._paths).paths.runtime
            self._failure = _ended(os.waitstatus_to_exitcode(status), runtime / ERRORS_NAME)
            self._release()
            raise self._failure
        return False

    def _release(self) -> None:
        """Let the supervisor alone hold the lock."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _ended(code: int, errors: Path) -> EnvironmentProblem:
    """Return why a supervisor ended before it answered, in its own last words."""
    try:
        last = [line for line in errors.read_text(errors="replace").splitlines() if line.strip()][-2:]
    except OSError:
        last = []
    if code == ExitCode.ENVIRONMENT and last:  # an error that it explained: what it is, and what to do
        return EnvironmentProblem(last[0], next=last[1].strip() if len(last) > 1 else "")
    how = f"ended with {code}" if code >= 0 else f"was killed by signal {-code}"
    return EnvironmentProblem(
        f"the supervisor {how} before it answered" + (f": {last[-1].strip()}" if last else ""),
        where=str(errors) if last else "", next="Run the command again; `devctl doctor` says what this machine lacks.",
    )  # fmt: skip


def _no_answer(location: Location) -> EnvironmentProblem:
    record = location.record
    if record and record.has_supervisor and stopped.is_stopped(record.pid):
        return stopped.problem("supervisor", record.pid)
    return EnvironmentProblem(
        "the supervisor does not answer", where=str(location.paths.socket), next="Run `devctl doctor`."
    )


def _reach_again(paths: StackPaths, *, start: bool) -> socket.socket | None:
    """Return a connection for a client whose supervisor died or ended as idle, None when nothing runs."""
    try:
        prepared = prepare(paths, start=start)
        return prepared.reach() if prepared else None
    except _NothingLeft:
        return None


def _spawn(location: Location, lock: int) -> int:
    """Start the supervisor in a session of its own, holding the lock and nothing that the caller opened."""
    runtime = locate.choose_runtime(location)
    folders.make_runtime_folder(runtime)
    _claim(lock, location, os.fspath(runtime))
    paths = location.paths
    arguments = ["--folder", str(paths.folder), "--project", paths.project, "--lock", str(LOCK_FD)]
    argv = [sys.executable, "-P", "-m", "devctl.supervisor", *arguments]
    high_lock = move_out_of_way(lock)
    try:
        actions = [
            *((os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1)),
            (os.POSIX_SPAWN_OPEN, 2, _errors_file(runtime), _FRESH, 0o600),
            *close_inheritable(),
            (os.POSIX_SPAWN_DUP2, high_lock, LOCK_FD),
        ]
        return os.posix_spawn(
            sys.executable, argv, os.environ,
            file_actions=actions, setsid=True, setsigmask=[], setsigdef=default_signals(),
        )  # fmt: skip
    finally:
        os.close(high_lock)


def _errors_file(runtime: Path) -> str:
    """Return where a supervisor writes what it says before it has a run; nowhere, where the disk is full."""
    path = os.fspath(runtime / ERRORS_NAME)
    try:
        os.close(os.open(path, _FRESH | os.O_CLOEXEC, 0o600))
    except OSError:
        return os.devnull
    return path


def _claim(lock: int, location: Location, runtime: str) -> None:
    """Have the lock say where the supervisor will be; it keeps who the keeper is."""
    record = location.record or LockRecord("", "", boot_id())
    lock_record.write(lock, record._replace(folder=os.fspath(location.paths.folder), runtime=runtime, pid=0, ticks=0))
