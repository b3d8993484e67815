"""The end of a run: what is deleted when nothing of it lives any more. Stops no process itself."""

from __future__ import annotations

import contextlib
import shutil

from devctl.machine.locks import leave_state_folder
from devctl.paths import StackPaths


def delete_volumes(paths: StackPaths) -> None:
    """Delete the data of a stack, and with it the choice of variants."""
    shutil.rmtree(paths.volumes, ignore_errors=True)


def leave_runtime(paths: StackPaths) -> None:
    """Remove the runtime folder with all in it, the lock last, so that nobody starts into a folder that goes."""
    shutil.rmtree(paths.runtime, ignore_errors=True)
    with contextlib.suppress(OSError):  # another stack of this user is in it
        paths.runtime.parent.rmdir()
    leave_state_folder(paths)
