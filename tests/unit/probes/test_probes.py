"""Each probe against a server that a test writes: good answers, bad ones, hostile ones."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from devctl.core.checks import Check, CommandCheck, GrpcCheck, HttpCheck, KafkaCheck, LogCheck, TcpCheck
from devctl.keeper.log import SegmentLog
from devctl.probes.base import BODY_BYTES, Answer, Target, ask
from devctl.probes.kinds import probe
from tests.waiting import eventually

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def answer_of(check: Check, handler: Handler, within: float = 2.0) -> Answer:
    """Return what a probe says of a server with `handler`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await ask(probe(check, Target("a.1", {"http": port})), within)


def says(*pieces: bytes) -> Handler:
    """Return a handler that reads a request and writes `pieces`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return handle


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


def free_port() -> int:
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", 0))
        return int(plain.getsockname()[1])


HTTP = HttpCheck(path="/health", headers={"X-Key": "1"})


@pytest.mark.parametrize(
    ("answer", "accepted", "is_good", "text"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", (), True, "200 ok"),
        (b"HTTP/1.1 302 Found\r\n\r\n", (), True, "302"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nno db\nyet", (), False, "503 no db yet"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", (401,), True, "401"),
        (b"HTTP/1.1 204 No\r\n\r\n", (200,), False, "204"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", (), False, "not HTTP: SSH-2.0-OpenSSH"),
        (b"", (), False, "not HTTP:"),
    ],
)
async def test_http_is_judged_by_its_status(answer: bytes, accepted: tuple[int, ...], is_good: bool, text: str) -> None:
    check = HttpCheck(path="/health", status=accepted)
    seen = await answer_of(check, says(answer))
    assert (seen.is_good, seen.text.strip()) == (is_good, text)


async def test_http_asks_for_its_path_with_its_headers() -> None:
    heard = b""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    assert (await answer_of(HTTP, handle)).is_good
    assert heard.startswith(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Key: 1\r\n" in heard


async def test_a_body_without_end_is_cut() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 No\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x" * BODY_BYTES)
            await writer.drain()

    answer = await answer_of(HTTP, handle)
    assert answer.text.startswith("500 xxx")
    assert len(answer.text) < 300


@pytest.mark.parametrize("check", [HttpCheck(), KafkaCheck(), GrpcCheck()])
async def test_a_server_that_hangs_is_left_after_the_timeout(check: Check) -> None:
    assert (await answer_of(check, hangs, within=0.05)).text == "no answer within 0.05 s"


@pytest.mark.parametrize("check", [HttpCheck(), TcpCheck(), KafkaCheck(), GrpcCheck()])
async def test_a_port_that_nobody_listens_on_is_refused(check: Check) -> None:
    answer = await ask(probe(check, Target("a.1", {"http": free_port()})), 1.0)
    assert (answer.is_good, answer.text) == (False, "connection refused")


async def test_tcp_needs_no_more_than_a_connection() -> None:
    assert (await answer_of(TcpCheck(), hangs)).is_good


async def test_a_check_of_a_port_that_is_not_there_says_so() -> None:
    with pytest.raises(OSError, match=r"a\.1 has no port admin"):
        probe(TcpCheck(port="admin"), Target("a.1", {"http": 1}))


def command(code: str) -> tuple[Check, Target]:
    environment = {"PATH": os.environ["PATH"], "WORD": "here"}
    return CommandCheck(argv=(sys.executable, "-c", code)), Target("a.1", environment=environment)


async def test_a_command_is_judged_by_its_exit_code_in_the_service_s_environment() -> None:
    good = await ask(probe(*command("import os; print(os.environ['WORD'])")), 10.0)
    assert (good.is_good, good.text) == (True, "exit code 0: here")
    bad = await ask(probe(*command("raise SystemExit(3)")), 10.0)
    assert (bad.is_good, bad.text) == (False, "exit code 3")
    missing = await ask(probe(CommandCheck(argv=("/nowhere",)), Target("a.1")), 10.0)
    assert missing.text == "no such file or directory"


async def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"""
import subprocess, time
child = subprocess.Popen(["sleep", "60"])
open({str(note)!r}, "w").write(str(child.pid))
time.sleep(60)
"""
    answer = await ask(probe(*command(code)), 1.5)
    assert answer.text == "no answer within 1.5 s"
    if note.exists():
        state = Path(f"/proc/{note.read_text()}/stat")
        eventually(lambda: not state.exists() or ") Z" in state.read_text(), what="the child's end")


async def test_a_log_line_counts_when_it_was_written_since_the_start(tmp_path: Path) -> None:
    log = SegmentLog(str(tmp_path), 1 << 20)
    log.write(b"ready of an earlier life\n", time.time_ns() - 10**9)
    since = time.time_ns()
    asked_line = probe(LogCheck(pattern="ready|^go$"), Target("a.1", log_folder=tmp_path, since_ns=since))
    assert not (await asked_line.ask()).is_good
    log.write(b"not yet\nrea", time.time_ns())
    assert not (await asked_line.ask()).is_good
    log.write(b"dy now\n", time.time_ns())
    answer = await asked_line.ask()
    assert (answer.is_good, answer.text) == (True, "seen: ready now")
    assert (await asked_line.ask()).is_good
    log.close()


@pytest.mark.parametrize("pattern", ["ready in [0-9]+ ms", "^ready", "ms$"])
async def test_a_log_line_is_matched_against_what_a_person_sees(tmp_path: Path, pattern: str) -> None:
    log = SegmentLog(str(tmp_path), 1 << 20)
    question = probe(LogCheck(pattern=pattern), Target("a.1", log_folder=tmp_path))
    log.write(b"\x1b[32m\x1b[1mready\x1b[22m in \x1b[3", time.time_ns())
    assert pattern == "^ready" or not (await question.ask()).is_good
    log.write(b"6m312\x1b[39m ms\x1b[0m\r\n", time.time_ns())
    answer = await question.ask()
    assert (answer.is_good, answer.text) == (True, "seen: ready in 312 ms")
    log.close()


@pytest.mark.parametrize("check", [TcpCheck(), HttpCheck(path="/")])
async def test_a_server_on_the_other_loopback_alone_is_found_and_named(check: Check) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await ask(probe(check, Target("a.1", {"http": port})), 5.0)
    assert answer.is_good
    assert answer.text.endswith("(on [::1] only)")


async def test_a_port_that_neither_loopback_answers_is_refused() -> None:
    answer = await ask(probe(TcpCheck(), Target("a.1", {"http": free_port()})), 5.0)
    assert (answer.is_refused, answer.text) == (True, "connection refused")


async def test_the_body_of_a_good_answer_is_shown_although_it_comes_after_the_head() -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(b"all is")
        await writer.drain()
        writer.write(b"!")

    assert (await answer_of(HttpCheck(path="/"), late)).text == "200 all is!"


async def test_a_good_answer_without_end_is_good() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await reader.read()
        await reader.read()

    answer = await answer_of(HttpCheck(path="/"), endless)
    assert (answer.is_good, answer.text) == (True, "200 data: 1")


async def test_a_log_that_is_not_there_yet_is_no_such_line(tmp_path: Path) -> None:
    answer = await probe(LogCheck(pattern="x"), Target("a.1", log_folder=tmp_path / "none")).ask()
    assert answer.text == "no such line yet"


def text16(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def kafka(lowest: int, highest: int, metadata: bytes) -> Handler:
    """Return a broker that knows Metadata from `lowest` to `highest` and answers it with `metadata`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (length,) = struct.unpack(">i", await reader.readexactly(4))
            request = await reader.readexactly(length)
            key, _version, number = struct.unpack_from(">hhi", request)
            body = struct.pack(">hi", 0, 2) + struct.pack(">hhh", 18, 0, 4) + struct.pack(">hhh", 3, lowest, highest)
            answer = struct.pack(">i", number) + (body if key == 18 else metadata)
            writer.write(struct.pack(">i", len(answer)) + answer)

    return handle


def plain_metadata(topics: dict[str, int]) -> bytes:
    """Return an answer of version 1: one broker, and topics with their error."""
    broker = (
        struct.pack(">i", 1)
        + struct.pack(">i", 1)
        + text16("localhost")
        + struct.pack(">i", 9092)
        + struct.pack(">h", -1)
    )
    partition = struct.pack(">hii", 0, 0, 1) + struct.pack(">ii", 1, 1) + struct.pack(">ii", 1, 1)
    rows = b"".join(
        struct.pack(">h", error) + text16(name) + b"\0" + struct.pack(">i", 2) + partition * 2
        for name, error in topics.items()
    )
    return broker + struct.pack(">i", 1) + struct.pack(">i", len(topics)) + rows


@pytest.mark.parametrize(
    ("topics", "required", "is_good", "text"),
    [
        ({}, (), True, "1 broker"),
        ({"a": 0, "b": 0}, ("a", "b"), True, "1 broker"),
        ({"a": 0, "b": 3}, ("a", "b"), False, "no topic b yet"),
    ],
)
async def test_a_broker_is_good_when_it_lists_itself_and_the_topics(
    topics: dict[str, int], required: tuple[str, ...], is_good: bool, text: str
) -> None:
    answer = await answer_of(KafkaCheck(topics=required), kafka(0, 1, plain_metadata(topics)))
    assert (answer.is_good, answer.text) == (is_good, text)


@pytest.mark.parametrize(("highest", "topic_id", "authorized"), [(9, b"", bytes(4)), (12, bytes(16), b"")])
async def test_a_broker_that_knows_only_flexible_versions_is_understood(
    highest: int, topic_id: bytes, authorized: bytes
) -> None:
    broker = b"\2" + struct.pack(">i", 1) + b"\x0alocalhost" + struct.pack(">i", 9092) + b"\0" + b"\0"
    topic = b"\2" + struct.pack(">h", 0) + b"\2a" + topic_id + b"\0" + b"\1" + struct.pack(">i", 0) + b"\0"
    answer = b"\0" + struct.pack(">i", 0) + broker + b"\0" + struct.pack(">i", 1) + topic + authorized + b"\0"
    seen = await answer_of(KafkaCheck(topics=("a",)), kafka(9, highest, answer))
    assert (seen.is_good, seen.text) == (True, "1 broker")


@pytest.mark.parametrize("answer", [b"", b"\0" * 3, struct.pack(">i", 99)])
async def test_what_is_no_broker_is_said_plainly(answer: bytes) -> None:
    seen = await answer_of(KafkaCheck(), kafka(0, 1, answer))
    assert not seen.is_good
    assert "not the answer of a Kafka broker" in seen.text
    garbage = await answer_of(KafkaCheck(), garbles)
    assert "its length would be" in garbage.text


async def garbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()
