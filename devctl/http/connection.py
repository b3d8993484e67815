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


LOCALHOST = "localhost"
_LOOPBACKS = ("127.0.0.1", "::1")  # what `localhost` means: a server may listen on either alone


class PlainConnection:
    """A connected, non-blocking socket."""

    def __init__(self, plain: socket.socket) -> None:
        self.host = str(plain.getpeername()[0])
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
async def connected(host: str, port: int) -> AsyncIterator[PlainConnection]:
    """Connect and hang up afterwards, whatever happens. `localhost` is either loopback, IPv4 first."""
    plain = await (_connect_either(port) if host == LOCALHOST else _connect(host, port))
    try:
        yield PlainConnection(plain)
    finally:
        plain.close()


async def _connect_either(port: int) -> socket.socket:
    first, second = _LOOPBACKS
    try:
        return await _connect(first, port)
    except ConnectionRefusedError as refused:
        try:
            return await _connect(second, port)
        except OSError:  # nor there, or no IPv6 at all
            raise refused from None


async def _connect(host: str, port: int) -> socket.socket:
    plain = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, (host, port))
    except BaseException:
        plain.close()
        raise
    return plain


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
