"""Files that are written whole or not at all. Standard library only: everybody may import it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def replacing(path: Path, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Yield a file that takes the name `path` at the end, unless something failed: then the old one stays.

    A reader sees the old or the new. It has its mode from its first moment, whatever the umask.
    """
    import tempfile  # most commands write nothing

    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            yield file
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def replace_file(path: Path, content: bytes | str, mode: int = 0o600) -> None:
    """Put `content` at `path` in one step; OSError, and the old file, when the disk refuses."""
    with replacing(path, mode) as file:
        file.write(content.encode() if isinstance(content, str) else content)
