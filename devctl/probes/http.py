"""Asks a path by HTTP/1.1. Reads the status and a capped part of the body; follows nothing, trusts nothing."""

from __future__ import annotations

from devctl.core.spec import Check
from devctl.probes.base import BODY_BYTES, Answer, Target, port_of, shorten
from devctl.probes.connection import Connection, connected

_HEAD_BYTES = 32 << 10


class HttpProbe:
    """One GET, on a connection of its own."""

    def __init__(self, check: Check, target: Target) -> None:
        self._host = target.host
        self._port = port_of(check, target)
        self._accepted = check.status
        self._request = _request(check, f"{target.host}:{self._port}")
        self.describe = f"GET http://{target.host}:{self._port}{check.path}"

    async def ask(self) -> Answer:
        """Ask once; good is a status that the check accepts."""
        async with connected(self._host, self._port) as connection:
            await connection.send(self._request)
            head, body = await _read_head(connection)
            status = _status(head)
            if status is None:
                return Answer(False, f"not HTTP: {shorten(head)}")
            is_good = status in self._accepted if self._accepted else 200 <= status < 400
            if not is_good:
                body = await _read_body(connection, head, body)
            return Answer(is_good, f"{status} {shorten(body)}".rstrip())


def _request(check: Check, authority: str) -> bytes:
    headers = {"Host": authority, "User-Agent": "devctl-probe", "Accept": "*/*", **check.headers, "Connection": "close"}
    lines = [f"GET {check.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise OSError("the check's path or headers hold a line break")
    return "\r\n".join([*lines, "", ""]).encode()


async def _read_head(connection: Connection) -> tuple[bytes, bytes]:
    """Return the head of the answer and what has come of the body; a head without end is cut."""
    received = b""
    while b"\r\n\r\n" not in received and len(received) < _HEAD_BYTES:
        piece = await connection.receive()
        if not piece:
            break
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


async def _read_body(connection: Connection, head: bytes, body: bytes) -> bytes:
    """Return the body up to its announced length, its end, or the cap."""
    wanted = min(_length(head), BODY_BYTES)
    while len(body) < wanted:
        piece = await connection.receive()
        if not piece:
            break
        body += piece
    return body[:wanted]


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return BODY_BYTES


def _status(head: bytes) -> int | None:
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return None
    return int(words[1])
