"""Tells in which of some folders something was written: by inotify on Linux, else by looking again in a while."""

import contextlib
import os
import select
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

_MODIFY, _MOVED_TO, _CREATE, _DELETE, _OVERFLOW = 0x2, 0x80, 0x100, 0x200, 0x4000
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_EVENT = struct.Struct("iIII")
_BUFFER = 1 << 16
_POLL_SECONDS = 0.05
_DOUBT_SECONDS = 2.0  # so often everything is looked at anyway


class Watch:
    """Waits for changes in folders. A change that is missed is found at the next look at everything."""

    def __init__(self) -> None:
        self._fd = -1
        self._folders: dict[int, str] = {}
        self._seen: set[str] = set()
        self._looked_at = time.monotonic()
        self._libc: Any = None
        if sys.platform == "linux":
            import ctypes

            self._libc = ctypes.CDLL(None, use_errno=True)
            self._fd = self._libc.inotify_init1(_FLAGS)

    def add(self, folder: str) -> None:
        """Watch this folder from now on (once)."""
        if folder not in self._seen:
            self._seen.add(folder)
            if self._fd >= 0:
                mask = _MODIFY | _CREATE | _MOVED_TO | _DELETE
                number = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), mask)
                self._folders[number] = folder

    def wait(self, seconds: float) -> set[str] | None:
        """Return the folders in which something changed, none after so many seconds; None: look at all of them."""
        if self._fd < 0:
            time.sleep(min(seconds, _POLL_SECONDS))
            return None
        changed: set[str] | None = set()
        if select.select([self._fd], [], [], seconds)[0]:
            changed = self._changed()
        now = time.monotonic()
        if changed is None or now - self._looked_at > _DOUBT_SECONDS:
            self._looked_at = now
            return None
        return changed

    def close(self) -> None:
        """Stop watching."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _changed(self) -> set[str] | None:
        numbers = set(self._events())
        if -1 in numbers or not numbers <= self._folders.keys():
            return None
        return {self._folders[number] for number in numbers}

    def _events(self) -> Iterator[int]:
        """Yield the watch numbers of what happened, -1 when events were lost."""
        with contextlib.suppress(BlockingIOError):
            while True:
                events = os.read(self._fd, _BUFFER)
                at = 0
                while at < len(events):
                    number, mask, _, name_bytes = _EVENT.unpack_from(events, at)
                    yield -1 if mask & _OVERFLOW else number
                    at += _EVENT.size + name_bytes
                if len(events) < _BUFFER // 2:
                    return
