"""The report on a bug of devctl: the command line, where it broke, on what machine; secrets masked."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import devctl
from devctl.masking import mask_text
from devctl.paths import STATE_FOLDER, find_folder, working_folder


def write(error: Exception, argv: Sequence[str], environ: Mapping[str, str]) -> Path:
    """Write the report (0600) under the stack's state folder, else under the temporary one; return its path."""
    name = time.strftime("bug-%Y%m%d-%H%M%S", time.gmtime()) + f"-{os.getpid()}-{time.monotonic_ns() % 10**6}.txt"
    report = mask_text(_text(error, argv), environ)
    for folder in _folders():
        try:
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            continue
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(report)
        return folder / name
    sys.stderr.write(report)
    return Path(os.devnull)


def _folders() -> list[Path]:
    try:
        stack = find_folder(working_folder())
    except OSError:
        stack = None
    state = [stack / STATE_FOLDER] if stack and (stack / STATE_FOLDER).is_dir() else []
    return [*state, Path(tempfile.gettempdir())]


def _text(error: Exception, argv: Sequence[str]) -> str:
    return "\n".join(
        (
            f"devctl {devctl.__version__} on Python {platform.python_version()}, {platform.platform()}",
            f"command line: {' '.join(argv)}",
            "",
            "".join(traceback.format_exception(error)),
        )
    )
