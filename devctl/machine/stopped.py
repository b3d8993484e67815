"""Processes of devctl that somebody stopped (SIGSTOP, Ctrl-Z, a debugger): they live and answer nobody."""

from __future__ import annotations

import time

from devctl.errors import EnvironmentProblem
from devctl.machine.process import LINUX, STATE, stat_fields

SILENCE_SECONDS = 5.0
"""After this long without an answer it is looked why there is none; an answer takes milliseconds."""

_STOPPED = b"T"


def is_stopped(pid: int) -> bool:
    """Tell whether a process is stopped."""
    if LINUX:
        fields = stat_fields(pid)
        return fields is not None and fields[STATE] == _STOPPED
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def problem(role: str, pid: int) -> EnvironmentProblem:
    """Return the error that names a stopped process of devctl, by its `role`, and says what to do."""
    return EnvironmentProblem(
        f"the {role} (process {pid}) is stopped and answers nobody", next=f"Wake it with: kill -CONT {pid}"
    )


class StoppedSince:
    """How long one process has been seen stopped, by whoever looks again and again."""

    def __init__(self) -> None:
        self._since = 0.0

    def is_long(self, pid: int) -> bool:
        """Look now; tell whether it was stopped whenever it was looked for longer than an answer may take."""
        if not pid or not is_stopped(pid):
            self._since = 0.0
            return False
        now = time.monotonic()
        self._since = self._since or now
        return now - self._since >= SILENCE_SECONDS
