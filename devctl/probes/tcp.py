"""Asks whether a port takes a connection."""

from __future__ import annotations

import asyncio

from devctl.core.checks import TcpCheck
from devctl.http.connection import PlainConnection, connected
from devctl.probes.base import Answer, Target, host_of, noted, port_of

_PROXY_SECONDS = 0.1  # within which an engine's proxy has learned that nobody listens behind it


class TcpProbe:
    """A connection that is opened and closed."""

    def __init__(self, check: TcpCheck, target: Target) -> None:
        self._target = target
        self._port = port_of(check, target)
        self.describe = f"connect to {target.host}:{self._port}"

    async def ask(self) -> Answer:
        """Connect once."""
        async with connected(host_of(self._target), self._port) as connection:
            if self._target.container and await _is_hung_up(connection):
                return Answer(False, "nothing listens on the port inside the container", is_refused=True)
            return Answer(True, noted("connected", connection))


async def _is_hung_up(connection: PlainConnection) -> bool:
    """Tell whether the other side hangs up at once, as an engine does that takes connections for a container."""
    try:
        async with asyncio.timeout(_PROXY_SECONDS):
            return await connection.receive() == b""
    except TimeoutError:
        return False


PROBE = TcpProbe
