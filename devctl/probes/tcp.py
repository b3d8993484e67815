"""Asks whether a port takes a connection."""

from __future__ import annotations

from devctl.core.spec import Check
from devctl.probes.base import Answer, Target, port_of
from devctl.probes.connection import connected


class TcpProbe:
    """A connection that is opened and closed."""

    def __init__(self, check: Check, target: Target) -> None:
        self._target = target
        self._port = port_of(check, target)
        self.describe = f"connect to {target.host}:{self._port}"

    async def ask(self) -> Answer:
        """Connect once."""
        async with connected(self._target.host, self._port):
            return Answer(True, "connected")
