"""A mistake in what does a step fails that step, and nobody waits for it for ever."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from devctl.core.launch import Launch
from devctl.core.plan import Up
from devctl.core.spec import Hook, Spec
from devctl.core.status import Kind, Status
from devctl.paths import StackPaths
from devctl.runners.base import Exit, Identity, Stopped
from devctl.supervisor.loop import Loop
from devctl.supervisor.stack import Stack
from tests import fakes
from tests.fakes import FakeClock


class FaultyRunner:
    """A runner that makes a mistake at the first starts and the first stops, and none at those that follow."""

    def __init__(self, *, starts: int = 1, stops: int = 1) -> None:
        self._mistakes_left = {"start": starts, "stop": stops}
        self.stopped: list[str] = []

    async def connect(self, on_exit: Callable[[Exit], None], on_lost: Callable[[], None]) -> list[Identity]:
        return []

    async def adopt(self, instances: list[tuple[Launch, Identity]]) -> list[Exit]:
        return []

    async def start(self, launch: Launch) -> Identity:
        self._err("start")
        return Identity(launch.instance, 4242, 1, 1, "", "b")

    async def signal(self, instance: str, number: int) -> None: ...

    async def stop(self, instance: str, signal: int, grace_seconds: float) -> Stopped:
        self._err("stop")
        self.stopped.append(instance)
        return Stopped(instance, 0)

    async def save(self, snapshot: bytes) -> None: ...

    async def saved(self) -> bytes:
        return b""

    async def close(self, *, end: bool) -> None: ...

    def _err(self, step: str) -> None:
        self._mistakes_left[step] -= 1
        if self._mistakes_left[step] >= 0:
            raise ZeroDivisionError(f"a mistake in {step}")


async def _live(folder: Path) -> tuple[Status, str]:
    """Start a service twice and take it down; return its status and the reason after the first start."""
    runner = FaultyRunner()
    stack = Stack(StackPaths(folder), Loop(FakeClock()), {Kind.PROCESS: runner}, runner, boot="b")  # type: ignore[dict-item]
    await stack.open()
    deciding = asyncio.create_task(stack.loop.run())
    spec = Spec("s", str(folder), {"a": fakes.service("a", check=False)}, ("a",))

    def status() -> Status:
        return stack.loop.statuses["a"].status

    await stack.apply(spec, Up())
    await asyncio.wait_for(stack.loop.until(lambda: status() is Status.FAILED), 30)
    failed = status(), next(iter(stack.loop.state.services["a"].instances.values())).reason
    await stack.apply(None, Up(names=("a",)))
    await asyncio.wait_for(stack.loop.until(lambda: status() is Status.RUNNING), 30)
    await asyncio.wait_for(stack.down(volumes=False), 30)
    await stack.close(end=True)
    deciding.cancel()
    return failed


def test_a_mistake_in_a_step_fails_it_and_the_next_one_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, reason = asyncio.run(_live(tmp_path))
    assert (status, reason) == (Status.FAILED, "a bug in the supervisor: ZeroDivisionError: a mistake in start")
    assert "a mistake in stop" in capsys.readouterr().err


async def _start_with_broken_hook(folder: Path) -> list[str]:
    """Start a service whose hook is no command; return what was stopped by the time its start has failed."""
    runner = FaultyRunner(starts=0, stops=0)
    stack = Stack(StackPaths(folder), Loop(FakeClock()), {Kind.PROCESS: runner}, runner, boot="b")  # type: ignore[dict-item]
    await stack.open()
    deciding = asyncio.create_task(stack.loop.run())
    service = fakes.service("a", check=False, post_start=(Hook(()),))
    await stack.apply(Spec("s", str(folder), {"a": service}, ("a",)), Up())
    await asyncio.wait_for(stack.loop.until(lambda: stack.loop.statuses["a"].status is Status.FAILED), 30)
    stopped = list(runner.stopped)
    await asyncio.wait_for(stack.down(volumes=False), 30)
    await stack.close(end=True)
    deciding.cancel()
    return stopped


def test_a_mistake_in_a_hook_leaves_nothing_of_the_start_alive(tmp_path: Path) -> None:
    assert asyncio.run(_start_with_broken_hook(tmp_path)) == ["a.1"]
