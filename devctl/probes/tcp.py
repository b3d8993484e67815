"""Asks whether a port takes a connection."""

from __future__ import annotations

from devctl.core.checks import TcpCheck
from devctl.http.connection import connected
from devctl.probes.base import Answer, Target, host_of, noted, port_of


class TcpProbe:
    """A connection that is opened and closed."""

    def __init__(self, check: TcpCheck, target: Target) -> None:
        self._target = target
        self._port = port_of(check, target)
        self.describe = f"connect to {target.host}:{self._port}"

    async def ask(self) -> Answer:
        """Connect once."""
        async with connected(host_of(self._target), self._port) as connection:
            return Answer(True, noted("connected", connection))


PROBE = TcpProbe
