"""Watches whether the keeper was stopped (SIGSTOP): what asks it for something would wait without a word for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from devctl.errors import EnvironmentProblem
from devctl.machine import stopped

T = TypeVar("T")

_LOOK_SECONDS = 1.0  # between looks, while somebody waits


class KeeperWatch:
    """Looks after the keeper of one stack; `pid` returns its process, 0 where there is none."""

    def __init__(self, pid: Callable[[], int]) -> None:
        self._pid = pid

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns; EnvironmentProblem, and the end of the wait, once the keeper is found stopped."""
        working = asyncio.ensure_future(work)
        watching = asyncio.ensure_future(self._until_stopped())
        try:
            await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise watching.result()
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def _until_stopped(self) -> EnvironmentProblem:
        since = stopped.StoppedSince()
        while not since.is_long(self._pid()):  # noqa: ASYNC110  nothing tells that a process is stopped
            await asyncio.sleep(_LOOK_SECONDS)
        return stopped.problem("keeper", self._pid())
