"""A map that is written through to a file of JSON lines, so that a killed process loses nothing it has told."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Any

from devctl.disk import replace_file


class Journal:
    """A file of JSON lines, the later one counting; rewritten when most of it is old. Never loses a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: dict[tuple[Any, ...], Any] = {}
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._load()

    def put(self, key: tuple[Any, ...], value: Any) -> None:
        """Keep the value (None deletes it); it is in the file when this returns.

        Raises OSError, and changes nothing, when the disk refuses.
        """
        self._append(self._line(key, value))
        self._remember(key, value)
        self._lines += 1
        if self._lines > 4 * len(self.entries) + 1000:
            with contextlib.suppress(OSError):  # a full disk: the long file is as good as a short one
                self._rewrite()

    def _append(self, line: bytes) -> None:
        before = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._file, before)
            raise

    def close(self) -> None:
        """Write the file through to the disk and close it."""
        os.fsync(self._file)
        os.close(self._file)

    def _load(self) -> None:
        lines = self._path.read_bytes().split(b"\n")
        self._lines = len(lines)
        for line in lines:
            with contextlib.suppress(ValueError):
                key, value = json.loads(line)
                self._remember(tuple(key), value)
        if lines[-1]:
            os.write(self._file, b"\n")

    def _remember(self, key: tuple[Any, ...], value: Any) -> None:
        if value is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = value

    def _rewrite(self) -> None:
        replace_file(self._path, b"".join(self._line(key, value) for key, value in self.entries.items()))
        os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND)
        self._lines = len(self.entries)

    @staticmethod
    def _line(key: tuple[Any, ...], value: Any) -> bytes:
        return json.dumps([key, value], separators=(",", ":")).encode() + b"\n"
