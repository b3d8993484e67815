"""Jobs that go on after the request or event that caused them: bounded, in its trace, ended with the service."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger


class Background:
    """Runs jobs side by side, at most so many at a time; a failure is logged, and a later sweep tries again."""

    def __init__(self, name: str, log: "Logger", at_once: int = 8) -> None:
        self._name, self._log = name, log
        self._slots = asyncio.Semaphore(at_once)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, key: str, job: Callable[[], Awaitable[object]], **fields: str) -> None:
        """Run a job soon, unless one with this key waits or runs already; the fields are logged if it fails."""
        if key in self._tasks:
            return
        trace = otel_context.get_current()
        # An empty context: the deadline and the ids of the request that caused it do not bind the job.
        task = asyncio.create_task(self._run(job, trace, fields), name=self._name, context=contextvars.Context())
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key))

    async def run_forever(self) -> None:
        """Run until cancelled; then cancel the jobs that are left."""
        try:
            await asyncio.Event().wait()
        finally:
            left = tuple(self._tasks.values())
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def idle(self) -> None:
        """Return once no job is left."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(
        self, job: Callable[[], Awaitable[object]], trace: otel_context.Context, fields: dict[str, str]
    ) -> None:
        async with self._slots:
            otel_context.attach(trace)
            try:
                await job()
            except Exception as error:
                self._log.warning(f"{self._name} did not succeed; it is tried again", error=repr(error), **fields)
