"""The supervisor's side of the session: takes connections, dispatches calls, streams changes. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from asyncio import Task
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from devctl.errors import DevctlError, UsageError
from devctl.session.protocol import CALLS, VERSION
from devctl.supervisor.bugs import explained
from devctl.tasks import BackgroundTasks

_LAST_ANSWERS_SECONDS = 1.0  # for what is on its way out; a call that waits for services longer is cut off
_LINE_BYTES = 64 << 20  # a specification of thousands of services is some megabytes

Send = Callable[[dict[str, Any]], Awaitable[None]]
"""Sends one item of a stream."""

Call = Callable[[dict[str, Any], Send], Awaitable[Any]]
"""Answers one call: gets the request, may send items, returns the result."""


class Server:
    """Listens on the stack's socket. Every call of one connection is answered in its own task."""

    def __init__(self, calls: dict[str, Call]) -> None:
        missing = set(CALLS) - set(calls)
        assert not missing, f"calls without an answer: {missing}"
        self._calls = calls
        self._server: asyncio.Server | None = None
        self._path = Path()
        self._inode = 0
        self.connections: set[Task[None]] = set()
        self._due: set[Task[Any]] = set()  # calls that are being answered and end by themselves
        self.accepted = 0  # connections so far
        self.on_idle: Callable[[], None] = lambda: None

    async def listen(self, path: Path) -> None:
        """Listen on a fresh socket at `path`; a dead one that lies there is removed (the caller holds the lock)."""
        if self._server:
            self._server.close()
        path.unlink(missing_ok=True)
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        plain.bind(os.fspath(path))
        path.chmod(0o600)  # its folder is private anyway
        self._path, self._inode = path, path.stat().st_ino
        self._server = await asyncio.start_unix_server(self._accept, sock=plain, limit=_LINE_BYTES, backlog=64)

    def is_in_place(self) -> bool:
        """Tell whether clients still find the socket at its path."""
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def refuse(self) -> None:
        """Take no more connections; a client that is not accepted yet is cut off and asks again."""
        if self._server:
            self._server.close()

    async def close(self) -> None:
        """Take no more connections, let answers that are due go out, and close the connections that are open."""
        self.refuse()
        if self._due:
            await asyncio.wait(self._due, timeout=_LAST_ANSWERS_SECONDS)
        for task in tuple(self.connections):
            task.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        self.accepted += 1
        try:
            await _Connection(reader, writer, self._calls, self._due).serve()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.connections.discard(task)
            if not self.connections:
                self.on_idle()


class _Connection:
    """One client."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, calls: dict[str, Call], due: set[Task[Any]]
    ) -> None:
        self._due = due
        self._reader = reader
        self._writer = writer
        self._calls = calls
        self._tasks = BackgroundTasks()

    async def serve(self) -> None:
        """Answer until the client hangs up; what it asked for goes on without it."""
        try:
            async for line in self._lines():
                self._tasks.start(self._answer(line))
        finally:
            self._tasks.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _lines(self) -> AsyncIterator[bytes]:
        with contextlib.suppress(ValueError, ConnectionError):  # a line beyond the limit ends the connection
            while line := await self._reader.readline():
                yield line

    async def _answer(self, line: bytes) -> None:
        number: object = None
        try:
            request = _parse(line)
            number = request.get("id")
            self._is_due(request)
            result = await self._find(request)(request, lambda item: self._send({"id": number, "item": item}))
            await self._send({"id": number, "result": result})
        except ConnectionError:
            raise
        except (Exception, asyncio.CancelledError) as error:  # the border of a call: the stack goes on
            if _is_being_cancelled():
                raise
            await self._send({"id": number, "error": _error_body(explained(error))})

    def _is_due(self, request: dict[str, Any]) -> None:
        """Have the server's end wait for the answer to this call, unless it is one that goes on for ever."""
        task = asyncio.current_task()
        if task and request.get("call") != "watch":
            self._due.add(task)
            task.add_done_callback(self._due.discard)

    def _find(self, request: dict[str, Any]) -> Call:
        if request.get("v") != VERSION:
            raise UsageError(
                f"this supervisor speaks version {VERSION} of the session, not {request.get('v')}",
                next="Take the stack down with the devctl that started it.",
            )
        call = self._calls.get(str(request.get("call")))
        if call is None:
            raise UsageError(f"there is no call {request.get('call')!r}")
        return call

    async def _send(self, answer: dict[str, Any]) -> None:
        self._writer.write(json.dumps(answer).encode() + b"\n")
        await self._writer.drain()


def _is_being_cancelled() -> bool:
    """Tell whether somebody cancels this task; else a CancelledError in it is that of work that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _parse(line: bytes) -> dict[str, Any]:
    """Return the request on a line; UsageError for what is none."""
    try:
        request = json.loads(line)
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise UsageError("this is no request", next="A request is one JSON object on one line.")
    return request


def _error_body(error: DevctlError) -> dict[str, Any]:
    return {"what": error.what, "where": error.where, "next": error.next, "exit_code": int(error.exit_code)}
