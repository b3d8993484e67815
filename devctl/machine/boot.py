"""This boot of the machine, and the mark by which a stack's runtime folder tells whether it is of this boot.

After a reboot every process id and start time means something else, so nothing of an earlier boot can be taken back.
"""

import os
from pathlib import Path

from devctl.keeper.system import boot_id

__all__ = ["boot_id", "is_marked", "mark"]

_MARK = "boot"


def mark(folder: Path) -> None:
    """Write into a runtime folder that something was left there in this boot; an orderly end removes the folder."""
    (folder / _MARK).write_text(boot_id())


def is_marked(folder: Path) -> bool:
    """Tell whether a runtime folder bears the mark of this boot; OSError when it bears none."""
    with open(os.fspath(folder / _MARK)) as file:
        return file.read() == boot_id()
