"""A connection whose request never gets past its head is ended: endless, slow, or silent."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import Server

from services.common.http.bounded_protocol import HEAD_BYTES, BoundedHttpProtocol

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n"


class Hasty(BoundedHttpProtocol):
    head_seconds = 0.3


async def app(scope: Scope, _receive: Receive, send: Send) -> None:
    size = b"%d" % sum(len(value) for _, value in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(size))]})
    await send({"type": "http.response.body", "body": size})


@contextlib.asynccontextmanager
async def connected(
    protocol: type[BoundedHttpProtocol],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to a server with this protocol."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(Config(app, http=protocol, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server._serve(sockets=[listening]))
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await serving


@pytest.mark.parametrize("piece", [b"x: " + b"a" * 1000 + b"\r\n", b"a" * 1000], ids=["many headers", "one header"])
async def test_a_head_without_end_is_cut_off(piece: bytes) -> None:
    async with connected(BoundedHttpProtocol) as (reader, writer):
        writer.write(REQUEST + b"y: ")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 100 * HEAD_BYTES and not reader.at_eof():
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
                sent += len(piece)
        with contextlib.suppress(ConnectionError):
            assert b" 431 " in await asyncio.wait_for(reader.readline(), 5)
        assert sent < 20 * HEAD_BYTES


@pytest.mark.parametrize("begun", [b"", b"G", REQUEST])
async def test_a_head_that_does_not_come_is_waited_for_so_long_and_no_longer(begun: bytes) -> None:
    async with connected(Hasty) as (reader, writer):
        writer.write(begun)
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)
        assert await reader.read() == b"content-length: 0\r\nconnection: close\r\n\r\n"


async def test_a_connection_that_is_kept_serves_one_request_after_the_other_whatever_their_pieces() -> None:
    async with connected(Hasty) as (reader, writer):
        for _ in range(2):
            for piece in (REQUEST[:7], REQUEST[7:], b"a: " + b"b" * 50_000 + b"\r\n", b"\r\n"):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n50001"), 5)
            assert answer.startswith(b"HTTP/1.1 200 ")
