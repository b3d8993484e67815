"""A short-lived command, run to its end together with all that it left behind.

What it started is found by its session, by a mark in the environment, by ancestry and by the output that it still
holds, as the tree of an instance is: a child that calls `setsid` or is orphaned does not outlive the command.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import time
from asyncio.subprocess import DEVNULL, STDOUT
from collections.abc import Callable, Iterable, Mapping, Sequence

from devctl.machine import open_files
from devctl.machine.process import (
    LINUX,
    PARENT,
    SESSION,
    START_TICKS,
    creation_ticks,
    send_exactly,
    stat_fields,
)

MARK_NAME = "DEVCTL_COMMAND"
_PIECE_BYTES = 1 << 16
_POLL_SECONDS = 0.005  # what was killed is gone within some milliseconds
_MOST_SECONDS = 2.0  # whoever survives SIGKILL for so long hangs in the kernel; it is still in the instance's tree


async def run(
    argv: Sequence[str], environment: Mapping[str, str], working_dir: str, *, most_bytes: int
) -> tuple[int, bytes]:
    """Return the exit code and the begin of the output once nothing of the command is left.

    OSError says why it could not be started. When the caller gives up on it, it is ended first.
    """
    mark = secrets.token_hex(8)
    with _Output(most_bytes) as output:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=output.writing, stderr=STDOUT,
            env={**environment, MARK_NAME: mark}, cwd=working_dir, start_new_session=True,
        )  # fmt: skip
        open_files.restore(process.pid)
        output.follow()
        try:
            code = await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            await _end_rest(_Search(process.pid, mark, output.name))
    return code, output.kept


class _Output:
    """The pipe that a command writes to: read as it comes, of which the begin is kept."""

    def __init__(self, most_bytes: int) -> None:
        self.kept = b""
        self._most_bytes = most_bytes
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self.name = f"pipe:[{os.fstat(self._reading).st_ino}]"

    def __enter__(self) -> _Output:
        return self

    def follow(self) -> None:
        """Read from now on; only others write."""
        os.close(self.writing)
        self.writing = -1
        asyncio.get_running_loop().add_reader(self._reading, self._read)

    def __exit__(self, *_: object) -> None:
        if self.writing >= 0:
            os.close(self.writing)
        elif asyncio.get_running_loop().remove_reader(self._reading):
            while self._read():
                pass
        os.close(self._reading)

    def _read(self) -> bool:
        """Read once; return whether there may be more."""
        try:
            piece = os.read(self._reading, _PIECE_BYTES)
        except BlockingIOError:
            return False
        if not piece:
            asyncio.get_running_loop().remove_reader(self._reading)
        self.kept = (self.kept + piece)[: self._most_bytes]
        return bool(piece)


class _Search:
    """Finds what is left of the command that ran as `pid`."""

    def __init__(self, pid: int, mark: str, output: str) -> None:
        self._pid, self._output = pid, output
        self._mark = f"{MARK_NAME}={mark}".encode()

    def living(self) -> dict[int, int]:
        """Return the living processes that the command left behind, each with its start ticks."""
        parents, left = {}, {}
        for pid, parent, session, ticks in _younger(self._pid):
            parents[pid] = (parent, ticks)
            if session == self._pid or self._is_marked(pid):
                left[pid] = ticks
        return left | _descendants(left, parents)

    def _is_marked(self, pid: int) -> bool:
        if not LINUX:
            return self._mark in _environment_elsewhere(pid)
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            if self._mark in file.read().split(b"\0"):
                return True
        return self._writes_to_output(pid)

    def _writes_to_output(self, pid: int) -> bool:
        """Tell whether a process that wiped its environment still holds the pipe."""
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{fd}") == self._output:
                        return True
        return False


async def _end_rest(search: _Search) -> None:
    deadline = time.monotonic() + _MOST_SECONDS
    while (left := search.living()) and time.monotonic() < deadline:
        for pid, ticks in left.items():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                send_exactly(pid, ticks, signal.SIGKILL)
        await asyncio.sleep(_POLL_SECONDS)


def _descendants(left: Mapping[int, int], parents: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """Return the descendants of those that are left, whatever they did to session and environment."""
    descendants: dict[int, int] = {}
    before = -1
    while len(descendants) != before:
        before = len(descendants)
        descendants |= {
            pid: ticks for pid, (parent, ticks) in parents.items() if parent in left or parent in descendants
        }
    return descendants


def _younger(pid: int) -> Iterable[tuple[int, int, int, int]]:
    """Yield pid, parent, session and start ticks of the living processes that were started after this one."""
    if not LINUX:
        yield from _every_elsewhere()
        return
    is_younger = younger_numbers(pid, _last_number())
    for name in os.listdir("/proc"):
        if name.isdigit() and is_younger(int(name)) and (fields := stat_fields(name)):
            yield int(name), int(fields[PARENT]), int(fields[SESSION]), int(fields[START_TICKS])


def _last_number() -> int:
    """Return the number that was handed out last; 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[-1])
    return 0


def younger_numbers(pid: int, last: int) -> Callable[[int], bool]:
    """Tell which numbers were handed out after `pid`: they grow up to the last one, and begin again at some point.

    So that what is left of a command is found without a look at every process of the machine.
    """
    if not last:
        return lambda number: number != pid
    if last >= pid:
        return lambda number: pid < number <= last
    return lambda number: number > pid or number <= last


def _every_elsewhere() -> Iterable[tuple[int, int, int, int]]:
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE:
                pid = process.pid
                yield pid, process.ppid(), os.getsid(pid), creation_ticks(process.create_time())


def _environment_elsewhere(pid: int) -> set[bytes]:
    import psutil

    try:
        variables = psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return set()
    return {f"{name}={value}".encode() for name, value in variables.items()}
