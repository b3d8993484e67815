"""The limit of open files: what devctl raises for itself is not raised for what it starts."""

from __future__ import annotations

import contextlib
import resource
import sys

STARTED_WITH, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
"""The soft limit that this process was started with, which is its caller's: read before anybody raises it."""


def restore(pid: int) -> None:
    """Have a process that was just started begin with the caller's limit, where the system allows that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if sys.platform == "linux" and soft != STARTED_WITH:
        with contextlib.suppress(OSError):  # it has ended already
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (STARTED_WITH, hard))
