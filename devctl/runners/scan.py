"""Scans of the process table that are shared: however many instances wait for their processes to end, one scan
serves all that ask within a moment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from devctl.runners.processes import ProcessEntry, SessionLeader, Table

_LONGEST_PAUSE_SECONDS = 0.015


class SharedScan:
    """`leaders` returns the instances to look for, `keeper` the pid of their keeper."""

    def __init__(
        self, table: Table, leaders: Callable[[], Mapping[str, SessionLeader]], keeper: Callable[[], int]
    ) -> None:
        self._table = table
        self._leaders = leaders
        self._keeper = keeper
        self._next: asyncio.Task[dict[str, list[ProcessEntry]]] | None = None
        self._scanned_at = self._scan_seconds = 0.0

    async def members(self, instance: str) -> list[ProcessEntry]:
        """Return the living processes of an instance, from a scan that begins after this call."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._scan())
        return (await asyncio.shield(self._next)).get(instance, [])

    async def _scan(self) -> dict[str, list[ProcessEntry]]:
        pause = min(self._scan_seconds, _LONGEST_PAUSE_SECONDS)  # so that scanning takes at most half of the time
        await asyncio.sleep(max(self._scanned_at + pause - time.monotonic(), 0.0))
        self._next = None
        began = time.monotonic()
        members = self._table.members(self._leaders(), self._keeper())
        self._scanned_at = time.monotonic()
        self._scan_seconds = self._scanned_at - began
        return members
