"""The small HTTP server: no client, slow, greedy or malformed, keeps it from serving the next one."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest

from devctl.http.connection import connected
from devctl.http.http2 import Http2Response, exchange
from devctl.http.server import Http2Options, Request, Response, Server, bind
from tests.waiting import eventually_async

Talk = Callable[[int], Awaitable[None]]
GET = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def _echo(request: Request) -> Response:
    return Response(200, f"{request.method} {request.path} {len(request.body)}".encode())


def _serve(talk: Talk, **limits: float | Http2Options | None) -> None:
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


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.mark.parametrize("http2", [None, Http2Options()])
def test_no_bytes_end_in_a_traceback_or_keep_the_next_client_out(
    http2: Http2Options | None, capfd: pytest.CaptureFixture[str]
) -> None:
    async def talk(port: int) -> None:
        rng = random.Random(7)
        settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
        openings = [PREFACE, PREFACE + settings, PREFACE[:10], b"\x16\x03\x01\x02\x00", b"", b"GET / HTTP/2.0\r\n\r\n"]
        for number in range(300):
            await _send_only(port, openings[number % len(openings)] + rng.randbytes(rng.randrange(80)))
        assert b"GET /x 0" in await _ask(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), ends=True)

    _serve(talk, http2=http2)
    assert "Traceback" not in capfd.readouterr().err


async def _send_only(port: int, what: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        writer.write(what)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
    writer.close()


def test_requests_of_http2_are_answered_side_by_side_and_refused_like_others() -> None:
    async def ask(port: int, host: str, body: bytes) -> Http2Response:
        headers = {":authority": host, "content-type": "x/y"}
        async with connected("127.0.0.1", port) as connection:
            return await exchange(connection, "/x", headers, body, most_bytes=1 << 16)

    async def talk(port: int) -> None:
        answers = await asyncio.gather(*(ask(port, "localhost", b"x" * size) for size in range(5)))
        assert [answer.body for answer in answers] == [f"POST /x {size}".encode() for size in range(5)]
        assert (await ask(port, "evil.example", b"")).headers[":status"] == "403"
        assert (await ask(port, "localhost", b"x" * 1001)).headers[":status"] == "413"

    _serve(talk, http2=Http2Options())


def test_a_slow_client_of_http2_is_cut() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        headers = bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff")  # GET / of www.example.com (RFC 7541, C.4.1)
        frame = len(headers).to_bytes(3, "big") + b"\x01\x04\x00\x00\x00\x01" + headers
        writer.write(PREFACE + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + frame)
        with contextlib.suppress(ConnectionError):
            while await reader.read(1 << 16):
                pass
        writer.close()

    _serve(talk, http2=Http2Options(), request_seconds=0.2)


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
