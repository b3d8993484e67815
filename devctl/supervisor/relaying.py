"""Keeps the relay told: which sockets it holds, where connections go, which faults are in force; and waits for drains.

Whatever is lost on the way (the relay, its connection, the keeper) is told anew, whole: a table says everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from devctl.core.events import Event, FaultEnded, Notice
from devctl.core.launch import instance_name, shared_ports
from devctl.core.spec import RELAY
from devctl.errors import DevctlError
from devctl.relay.table import Table
from devctl.runners.base import BackendLost
from devctl.supervisor.listeners import Change
from devctl.supervisor.loop import Loop
from devctl.supervisor.routes import CONTROL_SOCKET, NETWORK_FOLDER, make_table

_RETRY_SECONDS = 0.05
_LONG_RETRY_SECONDS = 1.0
_MANY_TRIES = 100
_ANSWER_SECONDS = 2.0  # for a table to be taken over; the relay answers within a millisecond

HandOver = Callable[[str, list[int], list[int], str], Awaitable[list[int]]]
"""Has the keeper bind numbers for an instance, close others, and hand the sockets to the Unix socket at a path, if
somebody listens there; returns the numbers that were handed over."""


async def hand_over_nothing(_instance: str, _ports: list[int], _closed: list[int], _path: str) -> list[int]:
    """Hand nothing over: there is no keeper."""
    return []


class Relaying:
    """The supervisor's end of the relay."""

    def __init__(self, loop: Loop, runtime: Path, hand_over: HandOver) -> None:
        self._loop = loop
        self._path = runtime / CONTROL_SOCKET
        self._network = str(runtime / NETWORK_FOLDER)
        self._hand_over = hand_over
        self._told = Table()
        self._wake = asyncio.Event()
        self._problem = ""
        self._link: _Link | None = None
        self._handed: set[int] = set()  # what the relay that runs has
        self._bound: set[int] = set()  # what the keeper holds for it and its successors
        self._pid = 0
        self._task: asyncio.Task[None] | None = None
        loop.listeners.add(self._on_change)

    def begin(self) -> None:
        """Follow the state from now on."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        """Let the relay go on by itself."""
        if self._task:
            self._task.cancel()
            self._task = None
        if self._link:
            self._link.close()

    async def drain(self, instance: str, seconds: float) -> None:
        """Return when an instance that is stopping has no connection left, or after so many seconds; never raise: a
        relay that hung, or was killed meanwhile, has nothing left to drain, and the instance stops all the same."""
        service = self._loop.spec.services.get(instance.rpartition(".")[0])
        if service is None or not service.is_relayed or self._link is None:
            return
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(seconds):
                await self._link.drained(instance, self._table())

    async def settled(self) -> None:
        """Return when the relay works by the present state, or when it does not within a moment."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                if self._link:
                    await self._tell(self._link)

    def _table(self) -> Table:
        state = self._loop.state
        return make_table(self._loop.spec, state.services, state.ports, state.faults.values(), self._network)

    def _on_change(self, _: Change) -> None:
        if RELAY in self._loop.spec.services or self._bound:
            self.begin()
            self._wake.set()

    async def _run(self) -> None:
        tries = 0
        while True:
            self._wake.clear()
            is_settled = await self._follow()
            tries = 0 if is_settled else tries + 1
            if tries == _MANY_TRIES and self._problem:
                self._loop.post(Notice(f"a shared port cannot be held: {self._problem}", RELAY))
            pause = None if is_settled else _RETRY_SECONDS if tries < _MANY_TRIES else _LONG_RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _follow(self) -> bool:
        """Bring the relay up to date; whether nothing is left to do until something changes."""
        relay = self._loop.state.instance(RELAY, instance_name(RELAY, 1))
        pid = relay.pid if relay else 0
        if pid != self._pid or (self._link and not self._link.is_open):
            self._pid, self._told, self._handed = pid, Table(), set()
            if self._link:
                self._link.close()
            self._link = None
        shared = shared_ports(self._loop.spec, self._loop.state.ports)
        numbers, closed = [n for n in shared if n not in self._handed], sorted(self._bound.difference(shared))
        if numbers or closed:
            await self._hand(numbers, closed)
        if not pid:
            return True
        if self._link is None:
            self._link = await _connect(self._path, self._loop.post, self._wake.set)
        return self._link is not None and await self._tell(self._link) and self._is_handed()

    async def _hand(self, numbers: list[int], closed: list[int]) -> None:
        relay, path = instance_name(RELAY, 1), str(self._path)
        with contextlib.suppress(BackendLost):
            try:
                self._handed.update(await self._hand_over(relay, numbers, closed, path))
                self._problem = ""
            except DevctlError as error:  # a direct instance may still have it, until it has been replaced
                self._problem = error.what
            self._bound = self._bound.union(numbers).difference(closed)
            self._handed.difference_update(closed)

    def _is_handed(self) -> bool:
        return self._handed.issuperset(shared_ports(self._loop.spec, self._loop.state.ports))

    async def _tell(self, link: _Link) -> bool:
        table = self._table()
        if table != self._told:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await link.set_table(table)
            except (TimeoutError, OSError):
                link.close()
                return False
            self._told = table
        return True


class _Link:
    """One connection to a relay: requests, answers, and what it reports meanwhile."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_event: Callable[[Event], None]):
        self._writer = writer
        self._on_event = on_event
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._drains: dict[str, asyncio.Future[None]] = {}
        self._number = 0
        self.is_open = True
        self.on_closed: Callable[[], None] = lambda: None
        self._task = asyncio.get_running_loop().create_task(self._read(reader))

    async def set_table(self, table: Table) -> dict[str, Any]:
        """Tell the relay everything; return its status."""
        return await self._ask(op="table", table=table.to_json())

    async def drained(self, instance: str, table: Table) -> None:
        """Return when the instance, which `table` says is draining, has no connection left."""
        future = self._drains.setdefault(instance, asyncio.get_running_loop().create_future())
        try:
            status = await self.set_table(table)
            if status.get("open", {}).get(instance, 0):
                await future
        finally:
            self._drains.pop(instance, None)

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        self._task.cancel()
        self._writer.close()
        self._abandon()

    async def _ask(self, **request: Any) -> dict[str, Any]:
        if not self.is_open:
            raise ConnectionError("the relay is gone")
        self._number += 1
        future = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"id": self._number, **request}).encode() + b"\n")
        answer: dict[str, Any] = await future
        return answer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := await reader.readline():
                self._take(json.loads(line))
        self.is_open = False
        self._writer.close()
        self._abandon()
        self.on_closed()

    def _take(self, message: dict[str, Any]) -> None:
        match message.get("event"):
            case "drained":
                future = self._drains.get(message["instance"])
                if future and not future.done():
                    future.set_result(None)
            case "fault_ended":
                self._on_event(FaultEnded(message["service"], message["name"], "its time is over"))
            case _:
                waiting = self._waiting.pop(message.get("id") or 0, None)
                if waiting and not waiting.done():
                    waiting.set_result(message.get("result") or {})

    def _abandon(self) -> None:
        """Have nobody wait for what no longer comes: without a relay nothing is left to drain."""
        for future in self._drains.values():
            if not future.done():
                future.set_result(None)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the relay ended meanwhile"))
        self._waiting.clear()


async def _connect(path: Path, on_event: Callable[[Event], None], on_closed: Callable[[], None]) -> _Link | None:
    try:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 22)
    except OSError:
        return None
    link = _Link(reader, writer, on_event)
    link.on_closed = on_closed
    return link
