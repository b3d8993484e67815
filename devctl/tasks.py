"""Tasks in the background of a process: somebody has to hold them, since the event loop itself does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any


class BackgroundTasks:
    """Holds tasks until they end (the loop has weak references only, see `asyncio.create_task`)."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[Any]] = set()

    def __iter__(self) -> Iterator[asyncio.Future[Any]]:
        return iter(tuple(self._tasks))

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Awaitable[Any]) -> asyncio.Future[Any]:
        """Begin `work` and hold it until it ends; who wants its result or error awaits what is returned."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def cancel(self) -> None:
        """Cancel all that run."""
        for task in self:
            task.cancel()
