"""The gateway on a real port before an upstream of the test: bodies pass as they come, and ends are passed on."""

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from uvicorn.config import Config
from uvicorn.server import Server

from services.common.http.body_claims import BODY_LIMIT
from services.common.http.breaker import State
from services.common.runtime import secrets
from services.common.runtime.settings import Environment, Settings
from services.common.service import Runtime, asgi
from services.gateway.app import SERVICE
from tests.waiting import eventually_async

PATH = "/api/v1/products"
JSON = {"content-type": "application/json"}
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
EVENTS = CHUNKED.replace(b"text/plain", b"text/event-stream")
SIZED = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"

Serve = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One call as the upstream sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes
    body: bytes

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def is_left(self) -> None:
        """Return when the gateway has closed the connection."""
        while await self.reader.read(1024):
            pass


@dataclass
class Front:
    """A gateway that listens, and what its upstream saw."""

    runtime: Runtime
    client: httpx.AsyncClient
    calls: list[Exchange] = field(default_factory=list)
    is_left: asyncio.Event = field(default_factory=asyncio.Event)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@contextlib.asynccontextmanager
async def front(folder: Path, serve: Serve, **environment: str) -> AsyncIterator[Front]:
    """Open a gateway whose catalog answers with a function per call."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0]) if b"content-length: " in head else 0
        made.calls.append(Exchange(reader, writer, head, await reader.readexactly(length)))
        with contextlib.suppress(ConnectionError):
            await serve(made.calls[-1])
            await made.calls[-1].is_left()
        made.is_left.set()
        writer.close()

    upstream = await asyncio.start_server(take, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
    environment_of_front = {
        "DATA_DIR": str(folder),
        "CATALOG_SERVICE_URL": url,
        "SHOP_SECRETS": str(folder / "secrets"),
    }
    runtime = Runtime(SERVICE, Settings.read("gateway", Environment({**environment_of_front, **environment})))
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(Config(asgi(SERVICE, runtime), log_config=None, lifespan="on", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server._serve(sockets=[listening]))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=base, timeout=20, trust_env=False) as client:
        made = Front(runtime, client)
        try:
            yield made
        finally:
            server.should_exit = True
            await serving
            upstream.close()


async def nothing(_exchange: Exchange) -> None:
    """Never answer."""


@pytest.mark.parametrize(
    ("head", "first", "rest"),
    [
        (CHUNKED, chunk(b"first"), chunk(b"-rest") + b"0\r\n\r\n"),
        (EVENTS, chunk(b"first"), chunk(b"-rest") + b"0\r\n\r\n"),
        (SIZED, b"first", b"-rest"),
    ],
    ids=["chunked", "events", "sized"],
)
async def test_the_first_part_of_an_answer_arrives_before_the_rest_is_there(
    tmp_path: Path, head: bytes, first: bytes, rest: bytes
) -> None:
    has_arrived = asyncio.Event()

    async def serve(exchange: Exchange) -> None:
        await exchange.send(head, first)
        await has_arrived.wait()
        await exchange.send(rest)

    async with front(tmp_path, serve) as made, made.client.stream("GET", PATH) as answer:
        parts = answer.aiter_raw()
        assert await anext(parts) == b"first"
        has_arrived.set()
        assert b"".join([part async for part in parts]) == b"-rest"


async def test_a_large_answer_waits_for_its_reader_and_comes_whole(tmp_path: Path) -> None:
    block, blocks = bytes(range(256)) * 4096, 64
    sent = 0

    async def serve(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(block) * blocks))
        for _ in range(blocks):
            await exchange.send(block)
            sent += 1

    async with front(tmp_path, serve) as made, made.client.stream("GET", PATH) as answer:
        seen: list[int] = []

        async def stands_still() -> bool:
            seen.append(sent)
            return len(seen) > 10 and seen[-1] == seen[-10]

        await eventually_async(stands_still, what="the upstream is held back")
        assert sent < blocks / 2
        digest = hashlib.sha256()
        async for part in answer.aiter_raw():
            digest.update(part)
    assert digest.digest() == hashlib.sha256(block * blocks).digest()


async def _begin_to_stream(exchange: Exchange) -> None:
    await exchange.send(EVENTS, chunk(b"data: 1\n\n"))


@pytest.mark.parametrize("serve", [nothing, _begin_to_stream], ids=["before the answer", "within the answer"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_client_that_goes_away_ends_the_call_behind_the_gateway(
    tmp_path: Path, serve: Serve, method: str
) -> None:
    async with front(tmp_path, serve, UPSTREAM_TIMEOUT_SECONDS="60", REQUEST_TIMEOUT_SECONDS="60") as made:
        asking = asyncio.create_task(made.client.request(method, PATH, headers=JSON))

        async def is_asked() -> bool:
            return bool(made.calls)

        await eventually_async(is_asked)
        asking.cancel()
        async with asyncio.timeout(5):
            await made.is_left.wait()
        assert made.runtime.peers.breaker("catalog").state is State.CLOSED
        assert len(made.calls) == 1


@pytest.mark.parametrize("begun", [CHUNKED + chunk(b"half"), SIZED + b"half"], ids=["chunked", "sized"])
async def test_half_an_answer_never_looks_like_a_whole_one(
    tmp_path: Path, begun: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(begun)
        exchange.writer.close()

    async with front(tmp_path, serve) as made:
        with pytest.raises(httpx.TransportError):
            await made.client.post(PATH, headers=JSON)
    assert not caplog.records


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_upstream_that_hangs_is_a_503_in_time(tmp_path: Path, method: str) -> None:
    async with front(tmp_path, nothing, UPSTREAM_TIMEOUT_SECONDS="0.3") as made:
        answer = await asyncio.wait_for(made.client.request(method, PATH, headers=JSON), 3)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert len(made.calls) == 1


async def test_an_answer_that_never_ends_is_cut_off_in_time_but_events_flow_on(tmp_path: Path) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(EVENTS if b"events" in exchange.head else CHUNKED)
        while not exchange.writer.is_closing():
            await exchange.send(chunk(b"data: 1\n\n"))
            await asyncio.sleep(0.02)

    loop = asyncio.get_running_loop()
    async with front(tmp_path, serve, REQUEST_TIMEOUT_SECONDS="0.4") as made:
        with pytest.raises(httpx.TransportError):
            await made.client.get(PATH)
        async with made.client.stream("GET", f"{PATH}?events") as answer:
            began = loop.time()
            async for _part in answer.aiter_raw():
                if loop.time() - began > 1.0:
                    break


async def whole(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok")


async def pieces(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 16_384):
        yield b"x" * min(16_384, size - start)


async def test_a_body_in_pieces_arrives_whole_up_to_the_limit_and_beyond_it_nothing_does(tmp_path: Path) -> None:
    async with front(tmp_path, whole) as made:
        fits = await made.client.post(PATH, headers=JSON, content=pieces(BODY_LIMIT))
        assert (fits.status_code, made.calls[0].body) == (201, b"x" * BODY_LIMIT)
        assert b"content-length: %d" % BODY_LIMIT in made.calls[0].head
        assert b"transfer-encoding" not in made.calls[0].head
        too_large = await made.client.post(PATH, headers=JSON, content=pieces(BODY_LIMIT + 1))
        assert too_large.status_code == 413
        assert len(made.calls) == 1


@pytest.mark.parametrize("path", [PATH, "/docs", "/nowhere"])
async def test_a_body_without_end_ends_with_the_connection(tmp_path: Path, path: str) -> None:
    bytes_sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal bytes_sent
        while True:
            bytes_sent += 65_536
            yield b"x" * 65_536

    async with front(tmp_path, whole) as made:
        async with asyncio.timeout(20):
            with contextlib.suppress(httpx.TransportError):
                await made.client.post(path, headers=JSON, content=endless())
        assert bytes_sent < 64 * BODY_LIMIT
        assert not made.calls


async def test_a_body_that_does_not_come_is_a_408_and_holds_nothing_for_long(tmp_path: Path) -> None:
    async with front(tmp_path, whole, UPSTREAM_TIMEOUT_SECONDS="0.3") as made:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.client.base_url.port)
        writer.write(
            f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{{".encode()
        )
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        assert not made.calls


async def test_the_upstream_hears_of_the_deadline_and_of_nothing_that_is_not_the_clients_to_say(
    tmp_path: Path,
) -> None:
    async with front(tmp_path, whole) as made:
        sent_headers = {
            "x-timeout-ms": "600000",
            secrets.HEADER: "stolen",
            "connection": "keep-alive, X-Hop",
            "x-hop": "for this connection alone",
            "x-kept": "for the service",
            "x-request-id": "of-the-client-1",
        }
        answer = await made.client.get(PATH, headers=sent_headers)
        assert (answer.status_code, answer.headers["x-request-id"]) == (201, "of-the-client-1")
    lines = dict(line.split(b": ", 1) for line in made.calls[0].head.split(b"\r\n")[1:] if line)
    assert 3000 < int(lines[b"x-timeout-ms"]) <= 4500
    assert lines[b"x-kept"] == b"for the service"
    assert lines[b"x-request-id"] == b"of-the-client-1"
    assert not {b"x-hop", secrets.HEADER.encode()} & lines.keys()
