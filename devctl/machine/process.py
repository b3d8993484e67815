"""The identity of processes: a number alone may belong to a later one, a number with its start time cannot.

Standard library only on Linux; elsewhere psutil is asked, which is imported when it is needed.
"""

from __future__ import annotations

import os
import signal
import sys
import time

LINUX = sys.platform.startswith("linux")
STATE, PARENT, SESSION, USER_TICKS, SYSTEM_TICKS, START_TICKS, RESIDENT_PAGES = 0, 1, 3, 11, 12, 19, 21
"""Where `stat_fields` has them; field 1 of proc(5) is the pid, so these are its numbers less three."""

_STAT_BYTES = 1024  # a line of /proc/PID/stat is shorter: 52 numbers and a name of at most 64 bytes
_GONE = (b"Z", b"X", b"x")  # a zombie has ended and waits for its parent
_POLL_SECONDS = 0.002


def stat_fields(pid: int | str) -> list[bytes] | None:
    """Return what /proc says of a living process, from its state on; None for one that has ended."""
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            text = os.read(file, _STAT_BYTES)
        finally:
            os.close(file)
    except OSError:
        return None
    fields = text[text.rfind(b")") + 2 :].split(None, RESIDENT_PAGES + 1)  # the name before may hold anything
    return None if len(fields) <= RESIDENT_PAGES or fields[STATE] in _GONE else fields


def start_ticks(pid: int) -> int:
    """Return when `pid` started in the platform's unit (see `runners.base.Identity`); 0 when it has ended."""
    if LINUX:
        fields = stat_fields(pid)
        return int(fields[START_TICKS]) if fields else 0
    import psutil

    try:
        return creation_ticks(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0


def creation_ticks(seconds: float) -> int:
    """Return the unit that stands for start ticks where there is no /proc: microseconds since 1970."""
    return int(seconds * 1_000_000)


def send_exactly(pid: int, ticks: int, number: int) -> bool:
    """Send a signal to the process that has this number and start time, never to a later one of the same number; False
    when it is gone. ProcessLookupError when it ends right now.
    """
    if sys.platform == "linux":
        process = os.pidfd_open(pid)
        try:
            if is_same := start_ticks(pid) == ticks:
                signal.pidfd_send_signal(process, number)
        finally:
            os.close(process)
    elif is_same := start_ticks(pid) == ticks:  # it may end and its number be taken right now
        os.kill(pid, number)
    return is_same


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
    except ChildProcessError:  # another command started it
        pass
    return stat_fields(pid) is not None if LINUX else _takes_signals(pid)


def wait_until_gone(pid: int, most_seconds: float) -> None:
    """Return when the process has ended, so that nothing of a stack is left when its command returns."""
    deadline = time.monotonic() + most_seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _takes_signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
