"""The client end of the keeper's socket: requests with answers, and events as they come."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devctl.errors import EnvironmentProblem
from devctl.keeper import start, system, wire
from devctl.machine import stopped
from devctl.runners.base import BackendLost
from devctl.runners.failed_start import StartRefused

_CONNECT_SECONDS = 15.0  # a keeper answers within 50 ms; a machine under load takes its time
_RETRY_SECONDS = 0.005
_END_TRIES = 200  # one second in all; a keeper that holds nothing ends at once


class Starter:
    """Starts the keeper of a runtime folder when there is none, and takes the ends of those it started."""

    def __init__(self, runtime: Path, child: int = 0) -> None:
        self.runtime = runtime
        self._children = {child} if child else set()

    def start(self) -> None:
        """Start a keeper unless there is one; EnvironmentProblem when that cannot be."""
        self.reap()
        try:
            child = start.start(str(self.runtime))
        except OSError as error:
            raise EnvironmentProblem(
                f"the keeper cannot be started: {error.strerror}",
                where=str(error.filename or self.runtime),
                next="make the folder yours alone (chmod 700) or set XDG_RUNTIME_DIR to one that is",
            ) from error
        if child:
            self._children.add(child)

    def reap(self) -> None:
        """Leave no zombie of a keeper that ended."""
        for child in list(self._children):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG)[0] == 0:
                    continue
            self._children.discard(child)

    async def wait(self) -> None:
        """Wait a moment for keepers that were told to end, so that nothing is left of them."""
        for _ in range(_END_TRIES):
            self.reap()
            if not self._children:
                return
            await asyncio.sleep(_RETRY_SECONDS)


class KeeperLink:
    """One connection to a keeper, from its hello to its end."""

    def __init__(self, writer: asyncio.StreamWriter, on_event: Callable[[wire.Message], None]) -> None:
        self._writer = writer
        self._on_event = on_event
        self._on_lost: Callable[[], None] = lambda: None
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[wire.Message, bytes]]] = {}
        self._reading: asyncio.Task[None] | None = None
        self.is_open = True

    def listen(self, reader: asyncio.StreamReader) -> None:
        """Begin to take answers and events."""
        self._reading = asyncio.get_running_loop().create_task(self._read(reader))

    def report_loss(self, on_lost: Callable[[], None]) -> None:
        """Call `on_lost` once when the keeper is gone."""
        self._on_lost = on_lost
        if not self.is_open:
            on_lost()

    async def ask(self, op: str, body: bytes = b"", **arguments: Any) -> Any:
        """Send a request and return its result; DevctlError says why it could not be done."""
        answer, _ = await self._exchange(op, body, arguments)
        return answer.get("result")

    async def ask_bytes(self, op: str) -> bytes:
        """Send a request whose answer is raw bytes."""
        return (await self._exchange(op, b"", {}))[1]

    def send(self, op: str, **arguments: Any) -> None:
        """Send a request whose answer nobody needs."""
        if self.is_open:
            self._writer.write(wire.encode({"id": None, "op": op, **arguments}))

    async def close(self) -> None:
        """Hang up."""
        self.is_open = False
        if self._reading:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _exchange(self, op: str, body: bytes, arguments: dict[str, Any]) -> tuple[wire.Message, bytes]:
        if not self.is_open:
            raise BackendLost("the keeper is gone", next="try again")
        number = next(self._ids)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._writer.write(wire.encode({"id": number, "op": op, **arguments}, body))
        answer, answer_body = await future
        if error := answer.get("error"):
            raise StartRefused(error["what"], where=error["where"], number=error["errno"])
        return answer, answer_body

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decoder = wire.Decoder()
        with contextlib.suppress(OSError, ValueError):
            while received := await reader.read(1 << 18):
                for message, body in decoder.feed(received):
                    self._on_message(message, body)
        self._on_closed()

    def _on_message(self, message: wire.Message, body: bytes) -> None:
        if "event" in message:
            self._on_event(message)
        elif (future := self._waiting.pop(message.get("id") or 0, None)) and not future.done():
            future.set_result((message, body))

    def _on_closed(self) -> None:
        if self.is_open:
            self.is_open = False
            self._writer.close()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(BackendLost("the keeper ended meanwhile", next="try again"))
            self._on_lost()


async def connect(starter: Starter, on_event: Callable[[wire.Message], None]) -> tuple[KeeperLink, wire.Message]:
    """Return a link to the keeper, which is started when there is none, and its hello; EnvironmentProblem when
    it does not answer."""
    deadline = asyncio.get_running_loop().time() + _CONNECT_SECONDS
    while True:
        starter.start()
        try:
            async with asyncio.timeout_at(deadline):
                return await _greet(starter.runtime, on_event)
        except (OSError, BackendLost) as error:  # TimeoutError is an OSError, too; one that is dying may still accept
            if asyncio.get_running_loop().time() > deadline:
                raise _no_answer(starter.runtime) from error
        await asyncio.sleep(_RETRY_SECONDS)


async def _greet(runtime: Path, on_event: Callable[[wire.Message], None]) -> tuple[KeeperLink, wire.Message]:
    reader, writer = await asyncio.open_unix_connection(str(runtime / start.SOCKET_NAME))
    link = KeeperLink(writer, on_event)
    link.listen(reader)
    pid = system.peer_pid(writer.get_extra_info("socket"))
    try:
        async with asyncio.timeout(stopped.SILENCE_SECONDS):
            return link, await link.ask("hello")
    except TimeoutError:
        await link.close()
        if stopped.is_stopped(pid):
            raise stopped.problem("keeper", pid) from None
        raise
    except BaseException:
        await link.close()
        raise


def _no_answer(runtime: Path) -> EnvironmentProblem:
    errors = runtime / start.ERRORS_NAME
    with contextlib.suppress(OSError):
        lines = errors.read_text(errors="replace").strip().splitlines()
        if lines:
            return EnvironmentProblem(f"the keeper does not answer: {lines[-1]}", where=str(errors))
    return EnvironmentProblem("the keeper does not answer", where=str(runtime / start.SOCKET_NAME))
