"""Has the keeper hold the state too, in case the disk is full when it is needed; and says when the disk is full."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from devctl.core.events import Notice
from devctl.record.store import EventLog
from devctl.runners.base import SnapshotStore
from devctl.supervisor import adopt
from devctl.supervisor.background import Background
from devctl.supervisor.loop import Loop
from devctl.text import size

_LEAST_BYTES = 16 << 10  # four pages: beneath, the next line of one of several logs finds no room
_SAVE_AFTER_SECONDS = 1.0  # so that a burst of changes is saved once; what the disk has is not lost meanwhile


class Safekeeping:
    """Saves the state of the loop with the keeper."""

    def __init__(self, loop: Loop, keeper: SnapshotStore, background: Background) -> None:
        self._loop = loop
        self._keeper = keeper
        self._background = background
        self._is_disk_full = False
        self._timer: asyncio.TimerHandle | None = None

    def on_change(self, event_log: EventLog) -> None:
        """Save the state soon; at once where the disk takes no events, since the keeper alone remembers then."""
        self._notice_full_disk(event_log)
        if self._loop.state.ended:
            return
        if self._is_disk_full:
            self._save()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SAVE_AFTER_SECONDS, self._save)

    def loss(self, folder: Path) -> str:
        """Return what is being lost because the disk of `folder` is full; empty while it takes everything."""
        free = free_bytes(folder)
        if not self._is_disk_full and free >= _LEAST_BYTES:
            return ""
        return f"the disk is full ({size(free)} left): log lines and spans are being lost until there is room"

    def close(self) -> None:
        """Save no more."""
        if self._timer:
            self._timer.cancel()

    def _notice_full_disk(self, event_log: EventLog) -> None:
        """Say once that the event log does not reach the disk, and once that it does again."""
        is_full = event_log.unwritten > 0
        if is_full != self._is_disk_full:
            self._is_disk_full = is_full
            text = "cannot be written: it is kept in memory until the disk has room" if is_full else "is on disk again"
            self._loop.post(Notice(f"the event log of the run {text}"))

    def _save(self) -> None:
        self.close()
        self._timer = None
        self._background.begin(self._keeper.save(adopt.take_snapshot(self._loop.state)))


def free_bytes(folder: Path) -> int:
    """Return how many bytes the disk of a folder has left for this user; enough where it cannot be told."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return _LEAST_BYTES
    return disk.f_bavail * disk.f_frsize
