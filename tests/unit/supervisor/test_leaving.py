"""A client that hangs up in the middle of a call takes nothing away from the others."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from devctl.core.launch import Launch
from devctl.core.plan import Up
from devctl.core.spec import Spec
from devctl.core.status import Kind
from devctl.errors import DevctlError
from devctl.paths import StackPaths
from devctl.runners.base import Exit, Identity, Stopped
from devctl.session.protocol import CALLS, VERSION
from devctl.supervisor.loop import Loop
from devctl.supervisor.server import Send, Server
from devctl.supervisor.stack import Stack
from tests.fakes import FakeClock


class SlowRunner:
    """A runner whose backend is reached when the test says so, and which has nothing to run."""

    def __init__(self) -> None:
        self.is_reachable = asyncio.Event()
        self.is_closed = False

    async def connect(self, on_exit: Callable[[Exit], None], on_lost: Callable[[], None]) -> list[Identity]:
        await self.is_reachable.wait()
        return []

    async def adopt(self, instances: list[tuple[Launch, Identity]]) -> list[Exit]:
        return []

    async def start(self, launch: Launch) -> Identity:
        raise DevctlError(f"{launch.instance} is not to be started")

    async def signal(self, instance: str, number: int) -> None: ...

    async def stop(self, instance: str, signal: int, grace_seconds: float) -> Stopped:
        return Stopped(instance, None)

    async def save(self, snapshot: bytes) -> None: ...

    async def saved(self) -> bytes:
        return b""

    async def close(self, *, end: bool) -> None:
        self.is_closed = True


async def hang_up_and_take_down(folder: Path) -> bool:
    """Cancel an `apply` that waits for the backend, let it be reached, take the stack down; tell whether it is over."""
    runner = SlowRunner()
    stack = Stack(StackPaths(folder), Loop(FakeClock()), {Kind.PROCESS: runner}, runner, boot="b")
    await stack.open()
    applying = asyncio.create_task(stack.apply(Spec("s", str(folder)), Up()))
    await asyncio.sleep(0)
    applying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await applying
    runner.is_reachable.set()
    await asyncio.wait_for(stack.down(volumes=False), 20)
    await stack.close(end=True)
    return stack.is_over.is_set() and runner.is_closed


def test_a_stack_is_taken_down_after_a_client_hung_up_while_the_backend_was_being_reached(tmp_path: Path) -> None:
    assert asyncio.run(hang_up_and_take_down(tmp_path))


async def _cancelled_work(_: dict[str, Any], __: Send) -> None:
    work = asyncio.get_running_loop().create_future()
    work.cancel()
    await work


async def ask_for_cancelled_work(path: Path) -> dict[str, Any]:
    server = Server(dict.fromkeys(CALLS, _cancelled_work))
    await server.listen(path)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(json.dumps({"v": VERSION, "id": 1, "call": "down"}).encode() + b"\n")
    answer: dict[str, Any] = json.loads(await asyncio.wait_for(reader.readline(), 20))
    writer.close()
    await server.close()
    return answer


def test_a_call_whose_work_was_cancelled_is_answered_with_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:  # the path of a socket is to be short
        answer = asyncio.run(ask_for_cancelled_work(Path(folder, "s.sock")))
    assert "CancelledError" in answer["error"]["what"]
    assert "CancelledError" in capsys.readouterr().err
