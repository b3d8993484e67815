"""Looks at the process table that are shared: however many instances wait for their processes to end, one look
serves all that ask within a moment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from devctl.runners.processes import Leader, Row, Table

_LONGEST_PAUSE_SECONDS = 0.015


class Looks:
    """`leaders` returns the instances to look for, `keeper` the pid of their keeper."""

    def __init__(self, table: Table, leaders: Callable[[], Mapping[str, Leader]], keeper: Callable[[], int]) -> None:
        self._table = table
        self._leaders = leaders
        self._keeper = keeper
        self._next: asyncio.Task[dict[str, list[Row]]] | None = None
        self._looked_at = self._look_seconds = 0.0

    async def members(self, instance: str) -> list[Row]:
        """Return the living processes of an instance, from a look that begins after this call."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._look())
        return (await asyncio.shield(self._next)).get(instance, [])

    async def _look(self) -> dict[str, list[Row]]:
        pause = min(self._look_seconds, _LONGEST_PAUSE_SECONDS)  # so that looking takes at most half of the time
        await asyncio.sleep(max(self._looked_at + pause - time.monotonic(), 0.0))
        self._next = None
        began = time.monotonic()
        members = self._table.members(self._leaders(), self._keeper())
        self._looked_at = time.monotonic()
        self._look_seconds = self._looked_at - began
        return members
