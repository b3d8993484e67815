"""A plain TCP connection of a probe: less to do per question than asyncio's streams, and no thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator


class Connection:
    """A connected, non-blocking socket."""

    def __init__(self, plain: socket.socket) -> None:
        self._socket = plain
        self._loop = asyncio.get_running_loop()

    async def send(self, body: bytes) -> None:
        """Send all of `body`."""
        await self._loop.sock_sendall(self._socket, body)

    async def receive(self, most: int = 1 << 16) -> bytes:
        """Return what has come, empty at the end."""
        return await self._loop.sock_recv(self._socket, most)

    async def receive_exactly(self, count: int) -> bytes:
        """Return `count` bytes; ConnectionResetError when the other side hangs up before."""
        body = b""
        while len(body) < count:
            piece = await self.receive(count - len(body))
            if not piece:
                raise ConnectionResetError("hung up in the middle of an answer")
            body += piece
        return body


@contextlib.asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[Connection]:
    """Connect and hang up afterwards, whatever happens."""
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, (host, port))
        yield Connection(plain)
    finally:
        plain.close()
