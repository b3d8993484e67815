"""Finds the supervisor of a stack, or starts it, and hands out a client that is connected to it.

Standard library only, no asyncio and no heavy import: every command pays for this module.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import time
from pathlib import Path

from devctl.errors import DevctlError, EnvironmentProblem
from devctl.keeper.start import LOCK_FD, close_inheritable, move_out_of_way
from devctl.keeper.start import SOCKET_NAME as KEEPER_SOCKET
from devctl.machine import boot
from devctl.machine.locks import take_lock
from devctl.machine.process import wait_until_gone
from devctl.paths import LONGEST_SOCKET_PATH, StackPaths
from devctl.session.client import Client

_ANSWER_SECONDS = 10.0  # how long a supervisor may take to answer its socket after it was started
_UNUSED_SECONDS = 2.0  # how long a supervisor that nobody needs may take to end
_FIRST_PAUSE_SECONDS, _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS = 0.002, 1.2, 0.02  # a start takes 80 ms and more
_NOBODY_LISTENS = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR, errno.EAGAIN)


def connect(paths: StackPaths, *, start: bool = False) -> Client | None:
    """Return a client of the running supervisor of `paths`.

    With `start` one is started when none runs; without it, one is started only for a stack whose supervisor
    died (so that readers find it again), and None means that nothing runs.
    """
    prepared = prepare(paths, start=start)
    return prepared.connect() if prepared else None


def prepare(paths: StackPaths, *, start: bool = False) -> Prepared | None:
    """Begin to connect: start the supervisor's process if need be and return at once.

    Lets a command load its manifest while the supervisor's interpreter starts. Follow with `connect`, or with
    `cancel` when the manifest is refused.
    """
    if connection := _reach(paths.socket):
        return Prepared(paths, connection, 0, -1)
    if not start and not _left_behind(paths):
        return None
    lock = take_lock(paths)
    if lock is None:  # somebody else is starting it, or it is there by now
        return Prepared(paths, _reach(paths.socket), 0, -1)
    if connection := _reach(paths.socket):
        os.close(lock)
        return Prepared(paths, connection, 0, -1)
    return Prepared(paths, None, _spawn(paths, lock), lock)


class Prepared:
    """A connection to be: the supervisor is there, or its process (`pid`, held by `lock`) is on its way."""

    def __init__(self, paths: StackPaths, connection: socket.socket | None, pid: int, lock: int) -> None:
        self._paths = paths
        self._connection = connection
        self._pid = pid
        self._lock = lock

    def connect(self) -> Client:
        """Wait until the supervisor answers and return the client."""
        paths = self._paths
        return Client(self.reach(), lambda start: _reach_again(paths, start=start), started=self._pid != 0)

    def reach(self) -> socket.socket:
        """Wait until the supervisor answers and return the connection."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        pause = _FIRST_PAUSE_SECONDS
        while (connection := self._connection or _reach(self._paths.socket)) is None:
            self._look_after_child()
            if time.monotonic() > deadline:
                raise EnvironmentProblem(
                    "the supervisor does not answer", where=str(self._paths.socket), next="Run `devctl doctor`."
                )
            time.sleep(pause)
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)
        self._release()
        return connection

    def cancel(self) -> None:
        """Let go without asking for anything: a supervisor that nobody else has joined meanwhile ends by itself."""
        with contextlib.suppress(DevctlError):
            self.reach().close()
        if self._pid:
            wait_until_gone(self._pid, _UNUSED_SECONDS)

    def _look_after_child(self) -> None:
        """Raise when the process that was started has ended; start one when another starter's came to nothing."""
        if self._pid:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                raise EnvironmentProblem(
                    f"the supervisor ended with {code} before it answered", where=str(self._paths.runtime),
                    next="Its last words are in supervisor.log of the newest run, or run `devctl doctor`.",
                )  # fmt: skip
        elif (lock := take_lock(self._paths)) is not None:
            self._lock = lock
            self._pid = _spawn(self._paths, lock)

    def _release(self) -> None:
        """Let the supervisor alone hold the lock."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _reach_again(paths: StackPaths, *, start: bool) -> socket.socket | None:
    """Return a connection for a client whose supervisor died or ended as idle, None when nothing runs."""
    prepared = prepare(paths, start=start)
    return prepared.reach() if prepared else None


def _reach(path: Path) -> socket.socket | None:
    """Return a connection to the socket at `path`, None when nobody listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.fspath(path))
    except OSError as error:
        connection.close()
        if error.errno in _NOBODY_LISTENS:
            return None
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            raise EnvironmentProblem(
                f"the path of its socket is longer than the {LONGEST_SOCKET_PATH} bytes that the system takes",
                where=str(path),
                next="Set XDG_RUNTIME_DIR to a folder with a shorter name.",
            ) from error
        raise EnvironmentProblem(
            f"cannot reach the supervisor: {error.strerror or error}", where=str(path), next="Is it your stack?"
        ) from error
    return connection


def _left_behind(paths: StackPaths) -> bool:
    """Tell whether a supervisor of this boot left without an orderly `down`, or a keeper still holds something."""
    try:
        return boot.is_marked(paths.runtime)
    except OSError:
        keeper = _reach(paths.runtime / KEEPER_SOCKET)
        if keeper:
            keeper.close()
        return keeper is not None


def _spawn(paths: StackPaths, lock: int) -> int:
    """Start the supervisor in a session of its own, holding the lock and nothing that the caller opened."""
    arguments = ["--folder", str(paths.folder), "--project", paths.project, "--lock", str(LOCK_FD)]
    argv = [sys.executable, "-P", "-m", "devctl.supervisor", *arguments]
    high_lock = move_out_of_way(lock)
    try:
        actions = [
            *((os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)),
            *close_inheritable(),
            (os.POSIX_SPAWN_DUP2, high_lock, LOCK_FD),
        ]
        return os.posix_spawn(sys.executable, argv, os.environ, file_actions=actions, setsid=True)
    finally:
        os.close(high_lock)
