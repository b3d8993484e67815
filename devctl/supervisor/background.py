"""Work of the supervisor that goes on beside its caller: held until it ends, and reported when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from devctl.runners.base import BackendLost
from devctl.tasks import BackgroundTasks


class Background:
    """The tasks of one owner, which nobody awaits, cancelled together."""

    def __init__(self) -> None:
        self._tasks = BackgroundTasks()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
        """Do `work` as a task of its own."""
        task = self._tasks.start(work)
        task.add_done_callback(_report)
        return task

    def cancel(self) -> None:
        """Cancel everything that is under way."""
        self._tasks.cancel()

    async def cancel_and_wait(self) -> None:
        """Cancel everything that is under way and return when it has ended."""
        self.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _report(task: asyncio.Future[None]) -> None:
    """Hand an error to the event loop. A lost backend is none: it is found again, and what it held is compared."""
    if task.cancelled() or (error := task.exception()) is None or isinstance(error, BackendLost):
        return
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "work in the background failed", "exception": error})
