"""Reading what an engine sends as it comes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devctl.engine import stream
from devctl.engine.base import Address
from devctl.engine.stream import EngineLost, EngineRefused, Frames

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def fake_engine(folder: Path, answer: bytes) -> AsyncIterator[Address]:
    """Serve one answer to every request: a fake of the API, for what only the reader decides."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, str(folder / "fake.sock"))
    async with server:
        yield Address(f"unix://{folder}/fake.sock", "a fake engine")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def frame(data: bytes, kind: int = 1) -> bytes:
    return bytes((kind, 0, 0, 0)) + len(data).to_bytes(4, "big") + data


async def test_events_come_one_by_one_wherever_the_chunks_are_cut(tmp_path: Path) -> None:
    body = b'{"Action": "die"}\n{"Action": "start"}\n'
    answer = CHUNKED + b"".join(chunk(body[i : i + 7]) for i in range(0, len(body), 7)) + b"0\r\n\r\n"
    async with fake_engine(tmp_path, answer) as address, stream.opened(address, "GET", "/events") as opened:
        assert [event["Action"] async for event in stream.events(opened)] == ["die", "start"]


async def test_an_answer_that_breaks_off_is_the_loss_of_the_engine(tmp_path: Path) -> None:
    async with fake_engine(tmp_path, CHUNKED + chunk(b"a")) as address:
        with pytest.raises(EngineLost):
            await stream.get(address, "/x")


async def test_a_refusal_is_told_with_the_engines_reason(tmp_path: Path) -> None:
    body = json.dumps({"message": "No such container: x"}).encode()
    head = f"HTTP/1.1 404 Not Found\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with fake_engine(tmp_path, head + body) as address:
        with pytest.raises(EngineRefused, match="No such container: x") as refusal:
            await stream.get(address, "/containers/x/json")
    assert refusal.value.status == 404


async def test_where_nobody_listens_the_engine_is_lost(tmp_path: Path) -> None:
    with pytest.raises(EngineLost):
        await stream.get(Address(f"unix://{tmp_path}/none.sock", "nobody"), "/version")


@pytest.mark.parametrize("size", [1, 3, 8, 100])
def test_frames_are_put_together_wherever_they_are_cut(size: int) -> None:
    data = frame(b"one\n") + frame(b"", 2) + frame(b"two\n", 2)
    frames = Frames()
    payloads = [payload for i in range(0, len(data), size) for payload in frames.take(data[i : i + size])]
    assert payloads == [b"one\n", b"", b"two\n"]


def test_a_stream_of_a_terminal_is_cut_at_its_lines() -> None:
    frames = Frames(is_plain=True)
    assert frames.take(b"one\ntw") == [b"one\n"]
    assert frames.take(b"o\n") == [b"two\n"]


@pytest.mark.parametrize(
    ("stamp", "nanoseconds"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T00:00:01.000000001Z", 1_000_000_001),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
    ],
)
def test_times_are_read_to_the_nanosecond(stamp: str, nanoseconds: int) -> None:
    assert stream.nanoseconds(stamp) == nanoseconds


def test_a_time_is_asked_for_as_it_was_told() -> None:
    assert stream.shown_seconds(1_000_000_001) == "1.000000001"
