"""A connection of a small client: a plain socket costs less per question than asyncio's streams, and no thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Protocol


class Connection(Protocol):
    """Bytes to and from a server."""

    async def send(self, body: bytes) -> None:
        """Send all of `body`."""
        ...

    async def receive(self, limit: int = 1 << 16) -> bytes:
        """Return what has come, empty at the end."""
        ...


class PlainConnection:
    """A connected, non-blocking socket."""

    def __init__(self, plain: socket.socket) -> None:
        self._socket = plain
        self._loop = asyncio.get_running_loop()

    async def send(self, body: bytes) -> None:
        await self._loop.sock_sendall(self._socket, body)

    async def receive(self, limit: int = 1 << 16) -> bytes:
        return await self._loop.sock_recv(self._socket, limit)


class SecureConnection:
    """A connection over TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, body: bytes) -> None:
        self._writer.write(body)
        await self._writer.drain()

    async def receive(self, limit: int = 1 << 16) -> bytes:
        return await self._reader.read(limit)


async def receive_exactly(connection: Connection, count: int) -> bytes:
    """Return `count` bytes; ConnectionResetError when the other side hangs up before."""
    body = b""
    while len(body) < count:
        piece = await connection.receive(count - len(body))
        if not piece:
            raise ConnectionResetError("hung up in the middle of an answer")
        body += piece
    return body


@contextlib.asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[Connection]:
    """Connect and hang up afterwards, whatever happens."""
    plain = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, (host, port))
        yield PlainConnection(plain)
    finally:
        plain.close()


@contextlib.asynccontextmanager
async def connected_securely(host: str, port: int, context: ssl.SSLContext) -> AsyncIterator[Connection]:
    """Connect over TLS and hang up afterwards, whatever happens."""
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        yield SecureConnection(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
