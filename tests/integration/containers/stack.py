"""A runner of containers in folders of its own, on the engine of the tests, and what the tests ask of it."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docker

from devctl.core.container import Container
from devctl.core.launch import ContainerLaunch, Launch
from devctl.paths import StackPaths
from devctl.record import logs, store
from devctl.record.logs import Query
from devctl.runners.base import Exit, Identity
from devctl.runners.container import ContainerRunner
from tests.engine import IMAGE, PYTHON, TestEngine
from tests.integration.cli.shell import Shell
from tests.waiting import eventually_async

NAME = "box"


class Stack:
    """One stack of containers under a runner of its own."""

    def __init__(self, folder: Path, engine: TestEngine) -> None:
        self.engine = engine
        self.paths = StackPaths(folder.resolve())
        self.run = store.create(self.paths)
        self.runner = ContainerRunner(self.paths)
        self.exits: list[Exit] = []
        self.losses = 0

    def launch(self, instance: str, argv: Sequence[str], **more: Any) -> Launch:
        container: dict[str, Any] = {
            "engine": self.engine.url, "stack": NAME, "folder": str(self.paths.folder), "image": IMAGE,
            "options": Container(), "aliases": (instance.partition(".")[0],),
        }  # fmt: skip
        container |= {key: more.pop(key) for key in tuple(more) if key in ContainerLaunch.__dataclass_fields__}
        values: dict[str, Any] = {"environment": {"PYTHONUNBUFFERED": "1"}, "working_dir": "", **more}
        return Launch(
            instance, instance.partition(".")[0], self.run.id, tuple(argv), log_folder=str(self.run.logs / instance),
            container=ContainerLaunch(**container), **values,
        )  # fmt: skip

    async def start(self, instance: str, *argv: str, **more: Any) -> Identity:
        return await self.runner.start(self.launch(instance, argv, **more))

    async def python(self, instance: str, program: str, *arguments: object, **more: Any) -> Identity:
        return await self.start(instance, PYTHON, "-I", "-S", "-c", program, *map(str, arguments), **more)

    async def connect(self) -> list[Identity]:
        return await self.runner.connect(self.exits.append, self._lose)

    def _lose(self) -> None:
        self.losses += 1

    async def replace_runner(self) -> list[Identity]:
        """Let another runner take over, as after `kill -9` of the supervisor."""
        await self.runner.close(end=False)
        self.runner = ContainerRunner(self.paths)
        return await self.connect()

    async def ended(self, instance: str) -> Exit:
        async def is_reported() -> Exit | None:
            return next((end for end in self.exits if end.instance == instance), None)

        end = await eventually_async(is_reported, within=30, what=f"the end of {instance}")
        assert end is not None
        return end

    def lines(self, instance: str = "") -> list[bytes]:
        query = Query(services=(instance.partition(".")[0],) if instance else ())
        return [line.raw for line in logs.read(self.run, query)]

    async def lines_until(self, count: int) -> list[bytes]:
        async def are_there() -> bool:
            return len(self.lines()) >= count

        await eventually_async(are_there, within=30, what=f"{count} lines")
        return self.lines()

    def docker(self) -> Any:
        """Return a client of Docker's own, to look from outside."""
        return contextlib.closing(docker.DockerClient(base_url=self.engine.url))

    def containers(self) -> list[str]:
        with self.docker() as client:
            return sorted(container.name for container in client.containers.list(all=True))

    async def close(self) -> None:
        with contextlib.suppress(Exception):
            await self.runner.close(end=True)


def bring_up(shell: Shell, line: str = "") -> None:
    """Start services and wait until the stack is good, for as long as an engine under load may take."""

    def problem() -> str:
        try:
            return "" if shell.run("status").stdout else "no answer"
        except AssertionError as error:  # another exit code, with what is not good
            return str(error)

    shell.run(f"up -d --no-wait {line}")
    deadline = time.monotonic() + 150
    while text := problem():
        assert time.monotonic() < deadline, text
        time.sleep(0.5)
