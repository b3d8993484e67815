"""Makes passwords that never appear in output: random, in files that only their owner reads."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def password(file: Path) -> str:
    """Return the password in `file`, made at random the first time; the file is 0600 from its first moment."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    word = secrets.token_urlsafe(24)
    with open(handle, "w") as writer:
        writer.write(word)
    return word
