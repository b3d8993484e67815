"""The supervisor's own log: what it prints, which nothing may depend on. A full disk costs lines of it and no more."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import cast

_OUTPUTS = (1, 2)


class _Unfailing(io.RawIOBase):
    """Standard error, whose writes always succeed."""

    def writable(self) -> bool:
        return True

    def write(self, text: object) -> int:
        data = cast(bytes, text)
        with contextlib.suppress(OSError):
            os.write(_OUTPUTS[-1], data)
        return len(data)


def begin() -> None:
    """Have what this process prints go where it can, and fail nobody."""
    sys.stdout = sys.stderr = io.TextIOWrapper(
        cast(io.BufferedIOBase, _Unfailing()), "utf-8", errors="replace", write_through=True
    )


def write_into(folder: Path) -> None:
    """Have it go into the folder of a run from now on."""
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        log = os.open(folder / "supervisor.log", flags, 0o600)
        for output in _OUTPUTS:
            os.dup2(log, output)
        os.close(log)
