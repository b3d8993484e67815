"""What an engine sends for as long as it lasts, read by the event loop: events, the output of containers, of commands.

Requests that are over at once go through the SDK (`engine.client`), which blocks; these would hold a thread each.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from devctl.engine.base import Address
from devctl.errors import DevctlError
from devctl.http.message import Head, NotHttp, parse_head, request_bytes

_FRAME_HEAD = 8  # of the engine's multiplexed streams: which stream, three zeros, the length
_CHUNK = 1 << 16
_SECOND_NS = 1_000_000_000


class EngineLost(DevctlError):
    """The engine does not answer, or hung up."""


class EngineRefused(DevctlError):
    """The engine answered that it cannot. `status` is that of HTTP."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


class Stream:
    """One answer of an engine, read as it comes."""

    def __init__(self, reader: asyncio.StreamReader, head: Head) -> None:
        self._reader = reader
        self._head = head

    async def read(self) -> bytes:
        """Return what came next, empty at the end."""
        if not self._head.is_chunked:
            return await self._reader.read(_CHUNK)
        line = await self._reader.readline()
        if not line:
            raise EOFError("the engine hung up within an answer")
        size = int(line, 16)
        if not size:
            return b""
        chunk = await self._reader.readexactly(size)
        await self._reader.readexactly(2)  # the line end after a chunk
        return chunk

    async def all(self) -> bytes:
        """Return everything until the end."""
        if self._head.length is not None:
            return await self._reader.readexactly(self._head.length)
        parts = []
        while part := await self.read():
            parts.append(part)
        return b"".join(parts)


@contextlib.asynccontextmanager
async def opened(
    address: Address, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None
) -> AsyncIterator[Stream]:
    """Ask and hand the answer over while it comes; EngineRefused or EngineLost say why there is none."""
    target = f"{path}?{urlencode(query)}" if query else path
    sent = json.dumps(body).encode() if body is not None else b""
    headers = {"Host": "engine", "Connection": "close"} | ({"Content-Type": "application/json"} if sent else {})
    writer = None
    try:
        reader, writer = await _connect(address)
        writer.write(request_bytes(method, target, headers, sent))
        await writer.drain()
        head = parse_head((await reader.readuntil(b"\r\n\r\n"))[:-4])
        stream = Stream(reader, head)
        if head.status >= 300:
            raise EngineRefused(head.status, _message(await stream.all()))
        yield stream
    except (OSError, EOFError, asyncio.LimitOverrunError, NotHttp, ValueError) as error:
        raise EngineLost(f"the container engine at {address.url} is gone", next="Start it again.") from error
    finally:
        if writer is not None:
            writer.close()


async def _connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.socket_path:
        return await asyncio.open_unix_connection(address.socket_path, limit=1 << 20)
    parts = urlsplit(address.url)
    return await asyncio.open_connection(parts.hostname, parts.port or 2375, limit=1 << 20)  # the engine's own port


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip() or "it refused without a reason"


async def get(address: Address, path: str, query: Mapping[str, str] | None = None) -> Any:
    """Return a whole answer in JSON."""
    async with opened(address, "GET", path, query) as stream:
        return json.loads(await stream.all())


async def post(address: Address, path: str, body: Any) -> Any:
    """Send JSON and return the answer, None where it is empty."""
    async with opened(address, "POST", path, body=body) as stream:
        answer = await stream.all()
        return json.loads(answer) if answer.strip() else None


async def events(stream: Stream) -> AsyncIterator[dict[str, Any]]:
    """Yield the events of an engine, one JSON object after the other."""
    decoder, text = json.JSONDecoder(), ""
    while part := await stream.read():
        text = (text + part.decode("utf-8", "replace")).lstrip()
        while text:
            try:
                event, end = decoder.raw_decode(text)
            except ValueError:
                break
            yield event
            text = text[end:].lstrip()


class Frames:
    """Takes a multiplexed stream apart as it comes. `is_plain`: the container has a terminal, there are no frames."""

    def __init__(self, *, is_plain: bool = False) -> None:
        self._is_plain = is_plain
        self._rest = b""

    def take(self, data: bytes) -> list[bytes]:
        """Return the payloads that are complete with `data`; of a plain stream, its lines."""
        data = self._rest + data
        if self._is_plain:
            *lines, self._rest = data.split(b"\n")
            return [line + b"\n" for line in lines]
        at, payloads = 0, []
        while len(data) - at >= _FRAME_HEAD:
            end = at + _FRAME_HEAD + int.from_bytes(data[at + 4 : at + _FRAME_HEAD], "big")
            if end > len(data):
                break
            payloads.append(data[at + _FRAME_HEAD : end])
            at = end
        self._rest = data[at:]
        return payloads


def timed(payload: bytes) -> tuple[int, bytes]:
    """Return the time (ns since 1970) that stands before a line of output, and the line."""
    stamp, _, line = payload.partition(b" ")
    return nanoseconds(stamp.decode("ascii")), line


def nanoseconds(stamp: str) -> int:
    """Return a time as the engine writes it (RFC 3339 in UTC, up to nanoseconds) in ns since 1970; 0 for none."""
    if not stamp or stamp.startswith("0001-"):  # what Go writes for no time
        return 0
    seconds, _, fraction = stamp.rstrip("Z").partition(".")
    return _whole_seconds(seconds) * _SECOND_NS + int(fraction[:9].ljust(9, "0") or 0)


@functools.lru_cache(maxsize=64)
def _whole_seconds(text: str) -> int:
    """Return a time without its fraction; thousands of lines come within one second."""
    return int(datetime.fromisoformat(text + "+00:00").timestamp())


def shown_seconds(time_ns: int) -> str:
    """Return a time as the engine's queries take it."""
    return f"{time_ns // _SECOND_NS}.{time_ns % _SECOND_NS:09d}"
