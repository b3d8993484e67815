"""The calls of the session about single instances."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from devctl.session.protocol import MembersView, OneOffView
from devctl.supervisor.keeper_watch import KeeperWatch
from devctl.supervisor.one_off import OneOffs
from devctl.supervisor.server import Call, Send
from devctl.supervisor.stack import Stack

Request = dict[str, Any]


class InstanceCalls:
    """Answers them; where the keeper is stopped, none of them would end."""

    def __init__(self, stack: Stack, one_offs: OneOffs, keeper: KeeperWatch) -> None:
        self._instances = stack.instances
        self._one_offs = one_offs
        self._keeper = keeper

    def table(self) -> dict[str, Call]:
        """Return every call by its name."""
        return {
            "pause": self._unless_stopped(self._pause), "unpause": self._unless_stopped(self._unpause),
            "processes": self._processes, "one_off": self._one_off,
        }  # fmt: skip

    def _unless_stopped(self, call: Callable[[Request, Send], Coroutine[Any, Any, list[str]]]) -> Call:
        return lambda request, send: self._keeper.unless_stopped(call(request, send))

    async def _pause(self, request: Request, _: Send) -> list[str]:
        return await self._instances.pause(list(request.get("names", ())))

    async def _unpause(self, request: Request, _: Send) -> list[str]:
        return await self._instances.unpause(list(request.get("names", ())))

    async def _processes(self, request: Request, _: Send) -> list[MembersView]:
        return await self._instances.members(list(request.get("names", ())))

    async def _one_off(self, request: Request, _: Send) -> OneOffView:
        return await self._one_offs.prepare(str(request.get("service", "")))
