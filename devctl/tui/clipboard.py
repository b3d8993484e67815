"""Copying out of the terminal UI: OSC 52, tmux's own buffer, or a file whose path is shown."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

MOST_BYTES = 74_000
"""What is longer does not fit into the sequence that terminals take (xterm: 100,000 bytes of base64)."""
_WITHOUT = frozenset({"Apple_Terminal"})
_TMUX_SECONDS = 2


def copy(text: str, environ: Mapping[str, str], write: Callable[[str], None], folder: Path | None) -> str:
    """Copy, and return where to: "the clipboard", tmux's buffer, or the path of a file."""
    data = text.encode("utf-8", "replace")
    if environ.get("TMUX") and _to_tmux(data):
        return "tmux's buffer and the clipboard"
    is_able = environ.get("TERM_PROGRAM") not in _WITHOUT and environ.get("TERM") != "linux"
    if is_able and len(data) <= MOST_BYTES:
        write(text)
        return "the clipboard"
    return str(_to_file(data, folder))


def _to_tmux(data: bytes) -> bool:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["tmux", "load-buffer", "-w", "-"], input=data, timeout=_TMUX_SECONDS, capture_output=True
        )
        return done.returncode == 0
    return False


def _to_file(data: bytes, folder: Path | None) -> Path:
    directory = folder if folder and folder.is_dir() else Path(tempfile.gettempdir())
    file, path = tempfile.mkstemp(prefix="copied-", suffix=".txt", dir=directory)
    with os.fdopen(file, "wb") as out:
        out.write(data)
    return Path(path)
