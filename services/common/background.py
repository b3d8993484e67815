"""Work that goes on after its cause was answered: bounded, in the trace of its cause, ended with the service."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from services.common.logs import Logger


class Background:
    """Runs jobs side by side, at most so many at a time; a failure is logged and left to whoever looks after it."""

    def __init__(self, name: str, log: "Logger", at_once: int = 8) -> None:
        self._name, self._log = name, log
        self._slots = asyncio.Semaphore(at_once)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, job: Callable[[], Awaitable[object]], **fields: str) -> None:
        """Run a job soon; the fields stand in the log line if it fails."""
        trace = otel_context.get_current()
        # An empty context: the deadline and the ids of the request that caused it do not bind the job.
        task = asyncio.create_task(self._run(job, trace, fields), name=self._name, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def keep(self) -> None:
        """Hold the jobs until cancelled; then cancel them too."""
        try:
            await asyncio.Event().wait()
        finally:
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Return once no job is left."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(
        self, job: Callable[[], Awaitable[object]], trace: otel_context.Context, fields: dict[str, str]
    ) -> None:
        async with self._slots:
            otel_context.attach(trace)
            try:
                await job()
            except Exception as error:
                self._log.warning(f"{self._name} did not succeed; it is tried again", error=repr(error), **fields)
