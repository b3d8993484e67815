"""Our HTTP transport against servers that behave and servers that do not."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from services.common.http import client
from services.common.http.transport import PlainTransport

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[str, list[int]]]:
    """Serve with a function per connection; give the base URL and a list that grows with each connection."""
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await answer(reader, writer)
        writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}", connections
    finally:
        running.close()


def always(*parts: bytes, keep: bool = True) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"content-length: " in head.lower():
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            if not keep:
                return

    return answer


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_a_connection_is_used_again() -> None:
    transport = PlainTransport()
    async with server(always(OK)) as (url, connections):
        for _ in range(5):
            answer = await client.send(transport, "POST", url, json={"a": 1})
            assert (answer.status_code, answer.text) == (200, "ok")
        assert len(connections) == 1
        await transport.aclose()


async def test_a_connection_that_ended_while_the_process_was_frozen_is_not_used_again() -> None:
    transport, answered, ended = PlainTransport(), threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as pool:
        listening.settimeout(5)

        def serve_twice() -> None:
            for _ in range(2):
                connection, _address = listening.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(OK)
                    answered.wait(5)
                ended.set()

        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        serving = pool.submit(serve_twice)
        assert (await client.send(transport, "POST", url)).text == "ok"
        # The loop stands still, as in a process that is stopped, until the end of the connection is there.
        answered.set()
        assert ended.wait(5)
        assert (await client.send(transport, "POST", url)).text == "ok"
        serving.result(5)
        await transport.aclose()


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"2\r\nab\r\n1\r\nc", b"\r\n0\r\n\r\n"), "abc"),
        ((b"HTTP/1.1 200 OK\r\n\r\nto the ", b"end"), "to the end"),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), ""),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", OK), "ok"),
        ((b"HTTP/1.1 200", b" OK\r\ncontent-le", b"ngth: 2\r\n\r", b"\nok"), "ok"),
    ],
    ids=["chunked", "until the end", "without a body", "after a 100", "in pieces"],
)
async def test_answers_of_every_framing_are_read(parts: tuple[bytes, ...], text: str) -> None:
    transport = PlainTransport()
    async with server(always(*parts, keep=False)) as (url, _connections):
        assert (await client.send(transport, "GET", url)).text == text
    await transport.aclose()


async def test_the_head_of_an_answer_ends_a_head_request() -> None:
    transport = PlainTransport()
    async with server(always(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n")) as (url, _connections):
        assert (await client.send(transport, "HEAD", url)).headers["content-length"] == "99"
    await transport.aclose()


@pytest.mark.parametrize(
    "parts",
    [(b"",), (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",), (b"SSH-2.0-x\r\n\r\n",)],
    ids=["nothing", "half a body", "not HTTP"],
)
async def test_a_broken_answer_is_a_transport_error(parts: tuple[bytes, ...]) -> None:
    transport = PlainTransport()
    async with server(always(*parts, keep=False)) as (url, _connections):
        with pytest.raises(httpx.TransportError):
            await client.send(transport, "GET", url)
    await transport.aclose()


async def test_a_server_that_never_answers_ends_with_the_time_that_was_given() -> None:
    transport = PlainTransport()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(hang) as (url, _connections):
        with pytest.raises(httpx.ReadTimeout):
            await client.send(transport, "GET", url, seconds=0.05)
        await transport.aclose()


async def test_a_refused_connection_was_never_sent() -> None:
    with pytest.raises(client.NEVER_SENT):
        await client.send(PlainTransport(), "GET", "http://127.0.0.1:1/")


async def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    transport = PlainTransport()
    async with server(always(OK, keep=False)) as (url, connections):
        for _ in range(3):
            assert (await client.send(transport, "GET", url)).text == "ok"
            await asyncio.sleep(0.01)
        assert len(connections) == 3
    await transport.aclose()
