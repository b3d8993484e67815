"""The lock of a stack's supervisor: one process holds it, whatever the environment of who asks.

Its file lies beside the manifest and is deleted when the stack is down.
"""

import contextlib
import os
from pathlib import Path

from devctl.errors import EnvironmentProblem
from devctl.keeper import system
from devctl.keeper.start import lock_file
from devctl.paths import StackPaths

_TRIES = 100  # each is lost only to a `down` that removes the folder in that very moment


def take_lock(paths: StackPaths) -> int | None:
    """Return a descriptor that holds the supervisor's lock, None when somebody else does.

    `down` deletes the file, so a lock on a file that is no longer there counts for nothing.
    """
    for _ in range(_TRIES):
        try:
            _make_state_folder(paths)
            return lock_file(os.fspath(paths.lock))
        except FileNotFoundError:  # the folder went away in between
            if not paths.folder.is_dir():
                raise EnvironmentProblem("the folder of this stack is gone", where=str(paths.folder)) from None
        except PermissionError as error:
            raise _refused(paths) from error
    return None


def _make_state_folder(paths: StackPaths) -> None:
    """Make the folder that the lock lies in, and those above it up to the stack's own, for this user alone."""
    for folder in reversed((paths.state, *paths.state.parents[: paths.levels_above_lock - 1])):
        folder.mkdir(mode=0o700, exist_ok=True)


def leave_state_folder(paths: StackPaths) -> None:
    """Delete the lock, and the folders above it in which nothing else lies."""
    paths.lock.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # runs, volumes, another stack's state
        for folder in (paths.state, *paths.state.parents[: paths.levels_above_lock - 1]):
            folder.rmdir()


def _refused(paths: StackPaths) -> EnvironmentProblem:
    return EnvironmentProblem(
        "this stack belongs to somebody else, or its folder may not be written to", where=str(paths.lock),
        next="Run devctl as the user who owns the folder.",
    )  # fmt: skip


def is_held_by(lock: int, path: Path) -> bool:
    """Tell whether the file at `path` is the one that the descriptor `lock` holds."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except OSError:
        return False


def folder_of(lock: int, paths: StackPaths) -> Path:
    """Return where the folder of a stack is by now, which may have been renamed since its lock was taken.

    `paths.folder` where that cannot be told, as when the lock's file was deleted.
    """
    path = system.path_of(lock)
    if not path or not is_held_by(lock, Path(path)):
        return paths.folder
    return Path(path).parents[paths.levels_above_lock]
