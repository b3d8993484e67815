"""Folders that this user alone may enter. The keeper has a check of its own, since it imports nothing of devctl."""

import contextlib
import os
import stat
from pathlib import Path

from devctl.errors import EnvironmentProblem
from devctl.keeper.start import make_private_folder

__all__ = ["make_private_folder", "make_runtime_folder", "private_folder"]

_TRIES = 100  # each is lost only to another stack that is taken down in that very moment


def make_runtime_folder(folder: Path) -> None:
    """Make the runtime folder of a stack and the one above it, which all stacks of this user share.

    EnvironmentProblem, or the system's own OSError, when that cannot be.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            private_folder(folder.parent)
            private_folder(folder)
            return
        except FileNotFoundError:
            if not tries_left:
                raise


def private_folder(folder: Path) -> None:
    """Make `folder` for this user alone; EnvironmentProblem when somebody else owns it or could enter it.

    One of our own that others could enter is closed to them; `make_private_folder`, which the keeper uses, refuses it.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise EnvironmentProblem(
            "this folder must be a directory of your own", where=str(folder), next="Remove it and try again."
        )
    if status.st_mode & 0o077:
        folder.chmod(0o700)
