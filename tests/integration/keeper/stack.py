"""A real keeper with its runner in folders of its own, and the small programs that the tests run in it."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from devctl.core.launch import Launch
from devctl.paths import StackPaths
from devctl.record import logs, store
from devctl.record.logs import Query
from devctl.runners.base import Exit, Identity
from devctl.runners.process import ProcessRunner
from tests.waiting import eventually, eventually_async

COUNTER = """
import os, sys, time
first, last, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
for number in range(first, last):
    os.write(1, b"%09d some words to make a line of a usual length out of this number\\n" % number)
    if pause and number % 10 == 0:
        time.sleep(pause)
"""
"""Writes numbered lines, each with one write: FIRST LAST PAUSE_PER_TEN_LINES."""


class Stack:
    """One stack of instances under a keeper of its own."""

    def __init__(self, folder: Path) -> None:
        self.paths = StackPaths(folder)
        self.run = store.create(self.paths)
        self.runner = ProcessRunner(self.paths)
        self.exits: list[Exit] = []
        self.losses = 0
        self.launches: dict[str, Launch] = {}
        self.identities: dict[str, Identity] = {}

    def launch(self, instance: str, argv: Sequence[str], **more: object) -> Launch:
        service = instance.rpartition(".")[0]
        log_folder = str(self.run.logs / instance)
        environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
        defaults: dict[str, object] = {"environment": environment, "working_dir": str(self.paths.folder)}
        settled = {**defaults, **more}
        return Launch(instance, service, self.run.id, tuple(argv), log_folder=log_folder, **settled)  # type: ignore[arg-type]

    async def start(self, instance: str, *argv: str, **more: object) -> Identity:
        launch = self.launches[instance] = self.launch(instance, argv, **more)
        self.identities[instance] = await self.runner.start(launch)
        return self.identities[instance]

    async def python(self, instance: str, program: str, *arguments: object, **more: object) -> Identity:
        return await self.start(instance, sys.executable, "-I", "-S", "-c", program, *map(str, arguments), **more)

    async def connect(self) -> list[Identity]:
        return await self.runner.connect(self.exits.append, self._lose)

    def _lose(self) -> None:
        self.losses += 1

    async def kill_keeper(self) -> list[Exit]:
        """Kill the keeper as `kill -9` does, and let a new one take everything back."""
        keeper = self.runner.keeper_pid
        os.kill(keeper, signal.SIGKILL)
        await self.lost(keeper)
        assert await self.connect() == [], "a new keeper holds nothing until it is told what to take back"
        return await self.take_back()

    async def lost(self, keeper: int) -> None:
        """Wait until this keeper is gone."""

        async def probe() -> bool:
            return not is_alive(keeper) and not self.runner._link.is_open

        await eventually_async(probe, what="the loss of the keeper")

    async def take_back(self) -> list[Exit]:
        """Let the keeper adopt everything that was started."""
        return await self.runner.adopt([(self.launches[name], each) for name, each in self.identities.items()])

    async def ended(self, instance: str, within: float = 30.0) -> Exit:
        """Wait until the end of the current process of this instance was told."""
        pid = self.identities[instance].pid

        async def probe() -> list[Exit]:
            return [each for each in self.exits if each.pid == pid]

        return (await eventually_async(probe, within=within, what=f"end of {instance}"))[0]

    def lines(self, *services: str) -> list[bytes]:
        return [line.raw for line in logs.read(self.run, Query(services=services))]

    async def has_line(self, instance: str, text: bytes) -> None:
        async def probe() -> bool:
            return any(text in line for line in self.lines(instance))

        await eventually_async(probe, what=f"{text!r} in the log of {instance}")

    def segment(self, instance: str, number: int = 1) -> Path:
        return self.run.logs / instance / f"{number:04d}.log"


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Stack]:
    """Yield a stack whose keeper runs; afterwards everything is stopped and nothing may be left."""
    stack = Stack(folder)
    await stack.connect()
    try:
        yield stack
    finally:
        for instance in stack.launches:
            await stack.runner.stop(instance, signal.SIGKILL, 0)
        keeper = stack.runner.keeper_pid
        await stack.runner.close(end=True)
    eventually(lambda: not is_alive(keeper), what="the keeper's end")
    assert list(stack.paths.runtime.iterdir()) == []


def is_alive(pid: int) -> bool:
    """Tell whether there is such a process and it is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def numbered(first: int, last: int) -> list[bytes]:
    """Return the lines that COUNTER writes."""
    return [
        b"%09d some words to make a line of a usual length out of this number" % number for number in range(first, last)
    ]
