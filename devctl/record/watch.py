"""Tells when something was written below some folders: by inotify on Linux, else by looking again in a while."""

import contextlib
import os
import select
import sys
import time

_MODIFY, _CREATE, _MOVED_TO, _DELETE = 0x2, 0x100, 0x80, 0x200
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.01, 0.05


class Watch:
    """Waits for changes in folders; a spurious answer is possible, a missed change is found at the next look."""

    def __init__(self) -> None:
        self._fd = -1
        self._folders: set[str] = set()
        if sys.platform.startswith("linux"):
            import ctypes

            self._libc = ctypes.CDLL(None, use_errno=True)
            self._fd = self._libc.inotify_init1(_FLAGS)

    def add(self, folder: str) -> None:
        """Watch this folder from now on (once)."""
        if folder not in self._folders:
            self._folders.add(folder)
            if self._fd >= 0:
                mask = _MODIFY | _CREATE | _MOVED_TO | _DELETE
                self._libc.inotify_add_watch(self._fd, os.fsencode(folder), mask)

    def wait(self, seconds: float) -> bool:
        """Return when something changed (True) or the time is over."""
        if self._fd < 0:
            time.sleep(min(seconds, _LONGEST_SECONDS))
            return True
        if not select.select([self._fd], [], [], seconds)[0]:
            return False
        with contextlib.suppress(OSError):
            while len(os.read(self._fd, 1 << 16)) > (1 << 15):
                pass
        return True

    def close(self) -> None:
        """Stop watching."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
