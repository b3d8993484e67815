"""Room on the disk for a start: without any, what is begun can neither be recorded nor be told about."""

from __future__ import annotations

import os
import time
from pathlib import Path

from devctl.errors import EnvironmentProblem
from devctl.text import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devctl.actions.display import Display
    from devctl.paths import StackPaths

NEEDED_BYTES = 64 << 10
"""The lock, the specification, the first events, and the first page of a few logs."""

NEEDED_FILES = 50  # the folders and files of a small run
_WAIT_SECONDS = 10.0  # for whoever is about to free some; a start in CI is not to hang
_LOOK_SECONDS = 0.2


def wait_for_room(
    paths: StackPaths, display: Display, look: Callable[[Path], str] | None = None, seconds: float = _WAIT_SECONDS
) -> None:
    """Return once there is room for a start, after a warning where there is none at first; EnvironmentProblem when
    none is made in time. `look` returns what is lacking in a folder, empty when there is enough."""
    look = look or lacking
    deadline = time.monotonic() + seconds
    if not (lack := look(paths.folder)):
        return
    display.warning(f"{lack} on the disk of {paths.folder}; waiting up to {seconds:.0f} s for room")
    while lack := look(paths.folder):
        if time.monotonic() > deadline:
            raise EnvironmentProblem(
                f"the disk is full: {lack}", where=str(paths.folder), next="Free some space: `devctl prune`, `df -h`."
            )
        time.sleep(_LOOK_SECONDS)


def lacking(folder: Path) -> str:
    """Return what a folder's disk lacks for a start, empty when it has enough."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < NEEDED_BYTES:
        return f"only {size(free)} left"
    if disk.f_files and disk.f_favail < NEEDED_FILES:
        return f"room for only {disk.f_favail} more files"
    return ""
