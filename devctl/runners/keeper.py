"""The client end of the keeper's socket: requests with answers, and events as they come."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devctl.errors import DevctlError, EnvironmentProblem
from devctl.keeper import start, wire
from devctl.runners.base import HolderLost

_CONNECT_SECONDS = 10.0
_RETRY_SECONDS = 0.005


class KeeperLink:
    """One connection to the keeper of a runtime folder."""

    def __init__(self, on_event: Callable[[wire.Message], None], on_lost: Callable[[], None]) -> None:
        self._on_event = on_event
        self._on_lost = on_lost
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[wire.Message, bytes]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._children: set[int] = set()

    @property
    def is_open(self) -> bool:
        """Tell whether requests can be answered."""
        return self._writer is not None

    async def open(self, runtime: Path) -> None:
        """Connect to the keeper, which is started when there is none; EnvironmentProblem when it does not answer."""
        deadline = asyncio.get_running_loop().time() + _CONNECT_SECONDS
        while True:
            self._reap()
            if child := _start(runtime):
                self._children.add(child)
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(runtime / start.SOCKET_NAME))
                break
            except OSError as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise _no_answer(runtime) from error
                await asyncio.sleep(_RETRY_SECONDS)
        self._reading = asyncio.get_running_loop().create_task(self._read(reader))

    async def ask(self, op: str, body: bytes = b"", **arguments: Any) -> Any:
        """Send a request and return its result; DevctlError says why it could not be done."""
        answer, _ = await self._exchange(op, body, arguments)
        return answer.get("result")

    async def ask_bytes(self, op: str) -> bytes:
        """Send a request whose answer is raw bytes."""
        return (await self._exchange(op, b"", {}))[1]

    def tell(self, op: str, **arguments: Any) -> None:
        """Send a request whose answer nobody needs."""
        if self._writer:
            self._writer.write(wire.encode({"id": None, "op": op, **arguments}))

    async def close(self) -> None:
        """Hang up."""
        writer, self._writer = self._writer, None
        if self._reading:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        if writer:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, op: str, body: bytes, arguments: dict[str, Any]) -> tuple[wire.Message, bytes]:
        if not self._writer:
            raise HolderLost("the keeper is gone", next="try again")
        number = next(self._ids)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._writer.write(wire.encode({"id": number, "op": op, **arguments}, body))
        answer, answer_body = await future
        if error := answer.get("error"):
            raise DevctlError(error["what"], where=error["where"])
        return answer, answer_body

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decoder = wire.Decoder()
        with contextlib.suppress(OSError):
            while received := await reader.read(1 << 18):
                for message, body in decoder.feed(received):
                    self._hear(message, body)
        self._lose()

    def _hear(self, message: wire.Message, body: bytes) -> None:
        if "event" in message:
            self._on_event(message)
        elif (future := self._waiting.pop(message.get("id") or 0, None)) and not future.done():
            future.set_result((message, body))

    def _lose(self) -> None:
        writer, self._writer = self._writer, None
        if writer:
            writer.close()
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(HolderLost("the keeper ended meanwhile", next="try again"))
        self._reap()
        self._on_lost()

    def _reap(self) -> None:
        """Take the ends of keepers that this process started, so that no zombie is left."""
        for child in list(self._children):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG)[0] == 0:
                    continue
            self._children.discard(child)


def _start(runtime: Path) -> int | None:
    try:
        return start.start(str(runtime))
    except OSError as error:
        raise EnvironmentProblem(
            f"the keeper cannot be started: {error.strerror}",
            where=str(error.filename or runtime),
            next="make the folder yours alone (chmod 700) or set XDG_RUNTIME_DIR to one that is",
        ) from error


def _no_answer(runtime: Path) -> EnvironmentProblem:
    errors = runtime / start.ERRORS_NAME
    with contextlib.suppress(OSError):
        lines = errors.read_text(errors="replace").strip().splitlines()
        if lines:
            return EnvironmentProblem(f"the keeper does not answer: {lines[-1]}", where=str(errors))
    return EnvironmentProblem("the keeper does not answer", where=str(runtime / start.SOCKET_NAME))
