"""The end of a run: what is deleted when nothing of it lives any more. Stops no process itself."""

from __future__ import annotations

import contextlib
import shutil

from devctl.paths import StackPaths


def delete_volumes(paths: StackPaths) -> None:
    """Delete the data of a stack, and with it the choice of variants."""
    shutil.rmtree(paths.volumes, ignore_errors=True)


def leave_runtime(paths: StackPaths) -> None:
    """Remove the runtime folder with all in it, the lock last, so that nobody starts into a folder that goes."""
    for entry in paths.runtime.iterdir() if paths.runtime.is_dir() else ():
        if entry != paths.lock:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
    paths.lock.unlink(missing_ok=True)
    for folder in (paths.runtime, paths.runtime.parent):
        with contextlib.suppress(OSError):  # another stack of this user is in it
            folder.rmdir()
