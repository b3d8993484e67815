"""The lock of a stack's supervisor: one process holds it, and its file is deleted with the runtime folder."""

import os
from pathlib import Path

from devctl.keeper.start import lock_file
from devctl.machine.folders import private_folder
from devctl.paths import StackPaths

_TRIES = 100  # each is lost only to a `down` that removes the folder in that very moment


def take_lock(paths: StackPaths) -> int | None:
    """Return a descriptor that holds the supervisor's lock, None when somebody else does.

    `down` deletes the file, so a lock on a file that is no longer there counts for nothing.
    """
    for _ in range(_TRIES):
        try:
            private_folder(paths.runtime.parent)
            private_folder(paths.runtime)
            return lock_file(os.fspath(paths.lock))
        except FileNotFoundError:  # the folder went away in between
            continue
    return None


def is_held_by(lock: int, path: Path) -> bool:
    """Tell whether the file at `path` is the one that the descriptor `lock` holds."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except OSError:
        return False
