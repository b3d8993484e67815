"""Where a stack is reached: what its lock says, and who else may know when the lock was deleted.

Standard library only, no asyncio and no heavy import: every command pays for this module.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
from pathlib import Path
from typing import NamedTuple

from devctl.disk import replace_file
from devctl.errors import EnvironmentProblem
from devctl.keeper.start import SOCKET_NAME as KEEPER_SOCKET
from devctl.machine import lock_record
from devctl.machine.boot import boot_id
from devctl.machine.lock_record import LockRecord
from devctl.paths import LONGEST_SOCKET_PATH, StackPaths
from devctl.session.protocol import VERSION

_NOBODY_LISTENS = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR, errno.EAGAIN)
_HELLO_SECONDS = 5.0  # a supervisor answers within milliseconds
_OWNER_NAME = "stack"
_MOST_NEIGHBOURS = 100  # stacks that were moved away from one folder and still run


class Location(NamedTuple):
    """A stack with the runtime folder where it is to be reached, and what its lock says of it in this boot."""

    paths: StackPaths
    record: LockRecord | None

    def reach(self) -> socket.socket | None:
        """Return a connection to the supervisor that the lock tells of; None when nobody listens there."""
        return reach(self.paths.socket) if self.record else None

    @property
    def was_renamed(self) -> bool:
        """Whether the supervisor knows the stack by a folder that is no longer the one that this lock lies in."""
        if self.record is None or self.record.folder in ("", os.fspath(self.paths.folder)):
            return False
        before = self.paths._replace(folder=Path(self.record.folder))
        try:
            return not os.path.samestat(before.lock.stat(), self.paths.lock.stat())
        except OSError:
            return True


def runtime_of(record: LockRecord | None) -> Path | None:
    """Return the runtime folder that a lock names, None where it names none."""
    return Path(record.runtime) if record and record.runtime else None


def locate(paths: StackPaths) -> Location:
    """Return where a stack is reached; nothing is asked of anybody yet."""
    try:
        record = lock_record.read(paths.lock)
    except PermissionError as error:
        raise EnvironmentProblem("this stack belongs to somebody else", where=str(paths.lock)) from error
    if record is None or not record.is_of_this_boot:
        return Location(paths, None)
    return Location(paths._replace(runtime_folder=runtime_of(record)), record)


def is_running(paths: StackPaths) -> bool:
    """Tell whether there is a socket of the stack's supervisor, without asking it anything."""
    return locate(paths).paths.socket.exists()


def is_left_behind(location: Location) -> bool:
    """Tell whether something of the stack may live though no supervisor is reached: one of this boot left without an
    orderly `down`, a keeper still answers, or processes of the last run live."""
    if location.record is not None:
        return True
    paths = location.paths
    has_keeper = answers(paths.runtime / KEEPER_SOCKET) and not _is_taken(paths.runtime, paths)
    return has_keeper or _has_living_run(paths)


def answers(path: Path) -> bool:
    """Tell whether somebody listens at the socket `path`."""
    connection = reach(path)
    if connection:
        connection.close()
    return connection is not None


def _has_living_run(paths: StackPaths) -> bool:
    """Tell whether a process that the record of the last run names still lives, as after a deleted lock."""
    from devctl.record import store

    run = store.current(paths)
    if run is None or store.was_ended(run):
        return False
    from devctl.record import replay

    state = replay.read_state(run)
    return state.boot == boot_id() and any(lock_record.is_alive(i.pid, i.start_ticks) for i in state.living)


def reach_without_lock(paths: StackPaths) -> socket.socket | None:
    """Return a connection to the supervisor of a stack whose lock was deleted while it runs: one that says it is of
    this stack, in the runtime folder of this environment or of the user's index."""
    from devctl.record import running

    indexed = running.find(paths)
    candidates = [paths] if indexed is None or indexed.runtime == paths.runtime else [paths, indexed]
    return next((reach(candidate.socket) for candidate in candidates if _serves(candidate)), None)


def _serves(paths: StackPaths) -> bool:
    """Tell whether the supervisor at the socket of `paths`, if any, is that of this very stack."""
    connection = reach(paths.socket)
    if connection is None:
        return False
    with connection, connection.makefile("rwb") as stream:
        connection.settimeout(_HELLO_SECONDS)
        try:
            stream.write(json.dumps({"v": VERSION, "id": 0, "call": "hello"}).encode() + b"\n")
            stream.flush()
            answer = json.loads(stream.readline()).get("result", {})
        except TimeoutError:  # whoever it is: to start another beside it would be worse
            return True
        except (OSError, ValueError):
            return False
    return bool(answer.get("folder", str(paths.folder)) == str(paths.folder))


def choose_runtime(location: Location) -> Path:
    """Return the runtime folder for a supervisor to be started: that of the one before, in which the keeper is, while
    it is there; else that of this environment, or one beside it while another stack lives in there."""
    if location.record and os.access(location.paths.runtime, os.W_OK | os.X_OK):
        return location.paths.runtime
    base = location.paths._replace(runtime_folder=None).runtime
    neighbours = (base.with_name(f"{base.name}-{number}") for number in range(1, _MOST_NEIGHBOURS))
    return next((folder for folder in (base, *neighbours) if not _is_taken(folder, location.paths)), base)


def _is_taken(folder: Path, paths: StackPaths) -> bool:
    """Tell whether another stack lives in a runtime folder: one whose folder was this one's before it was renamed."""
    there = paths._replace(runtime_folder=folder)
    if answers(there.socket):
        return not _serves(there)
    try:
        owner = (folder / _OWNER_NAME).read_text()
    except OSError:
        return False
    return owner != os.fspath(paths.state) and answers(folder / KEEPER_SOCKET)


def sign(paths: StackPaths) -> None:
    """Write into a runtime folder whose it is; where the disk is full, it stays unsigned."""
    with contextlib.suppress(OSError):
        replace_file(paths.runtime / _OWNER_NAME, os.fspath(paths.state))


def reach(path: Path) -> socket.socket | None:
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
