"""The small HTTP server: no client, slow, greedy or malformed, keeps it from serving the next one."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from devctl.http.server import Request, Response, Server, bind
from tests.waiting import eventually_async

Talk = Callable[[int], Awaitable[None]]
GET = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def _echo(request: Request) -> Response:
    return Response(200, f"{request.method} {request.path} {len(request.body)}".encode())


def _serve(talk: Talk, **limits: float) -> None:
    """Let `talk` speak to a server on a port of its own."""

    async def main() -> None:
        listener = bind("127.0.0.1:0")
        server = Server(_echo, max_body=1000, **limits)  # type: ignore[arg-type]
        await server.listen(listener)
        try:
            await asyncio.wait_for(talk(listener.getsockname()[1]), 20)
        finally:
            await server.close(0)

    asyncio.run(main())


async def _ask(port: int, *parts: bytes, ends: bool = False) -> bytes:
    """Send the parts and return all that comes back until the server closes, or one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    with contextlib.suppress(ConnectionError):
        answer = await (reader.read() if ends else reader.readuntil(b"\r\n\r\n"))
    writer.close()
    return answer


def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    async def talk(port: int) -> None:
        last = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        answers = await _ask(port, GET * 50 + last, ends=True)
        assert answers.count(b"GET /x 0") == 50
        assert answers.endswith(b"GET /last 0")

    _serve(talk)


def test_a_head_request_is_answered_without_a_body() -> None:
    async def talk(port: int) -> None:
        request = b"HEAD /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        answer = await _ask(port, request, ends=True)
        assert b"content-length: 9" in answer.lower()
        assert answer.endswith(b"\r\n\r\n")

    _serve(talk)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", b"100"),
        (b"GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", b"403"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000, b"431"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
    ],
)
def test_heads_are_answered_with_the_right_status_and_the_next_client_is_served(head: bytes, status: bytes) -> None:
    async def talk(port: int) -> None:
        assert (await _ask(port, head)).split()[1] == status
        assert (await _ask(port, GET)).split()[1] == b"200"

    _serve(talk)


def test_a_client_that_still_sends_too_much_can_read_why_it_was_refused() -> None:
    async def talk(port: int) -> None:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await _ask(port, head, *[b"400\r\n" + b"x" * 1024 + b"\r\n"] * 300)).split()[1] == b"413"

    _serve(talk)


def test_a_client_that_sends_byte_by_byte_is_cut_and_others_are_served_meanwhile() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                for byte in GET * 1000:
                    writer.write(bytes([byte]) if byte not in b"\r\n" else b"x")
                    await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert (await _ask(port, GET)).split()[1] == b"200"
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        dripping.cancel()
        writer.close()

    _serve(talk, request_seconds=0.2)


def test_more_connections_than_allowed_are_refused_and_room_is_given_back() -> None:
    async def talk(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in held:
            writer.write(GET)
            await reader.readuntil(b"GET /x 0")
        assert (await _ask(port, GET)).split()[1] == b"503"
        for _, writer in held:
            writer.close()
            await writer.wait_closed()

        async def is_served() -> bool:
            return (await _ask(port, GET)).split()[1] == b"200"

        await eventually_async(is_served)

    _serve(talk, most_connections=2)
