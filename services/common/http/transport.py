"""HTTP/1.1 for httpx over asyncio and httptools, with kept connections.

Kept by hand, because of what libraries cost here. `python -m scripts.measure_transport` compares them in turns within
one run; on a shared machine with two cores (seven rounds of 4,000 calls, eight at a time, medians):

    this module                        0.13 ms of CPU per call   1
    httpx's own (httpcore 1.0)         1.25 ms                   9.3 times, 4.4 MiB more per process
    aiohttp 3.14 by httpx-aiohttp      0.26 ms                   2.1 times, 11.4 MiB more, nine more packages

One order is four calls at least, and most of them do less work than httpcore does to make one. Between services of one
shop plain HTTP/1.1 to known addresses is all that is needed, so there is little to maintain: no TLS, no proxies, no
HTTP/2, no redirects; the parser is httptools, which uvicorn brings. Whoever needs one of these takes aiohttp.
"""

import asyncio
import select
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, cast

import httptools
import httpx

if TYPE_CHECKING:
    Address = tuple[str, int]

CONNECT_SECONDS = 1.0
IDLE_SECONDS = 15.0
_MOST_BUFFERED = 1 << 20


class PlainTransport(httpx.AsyncBaseTransport):
    """Sends requests over connections that are kept for a while; the caller bounds the time."""

    def __init__(self) -> None:
        self._idle: dict[Address, deque[_Connection]] = defaultdict(deque)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return once the head of the answer is there."""
        address = (request.url.host, request.url.port or 80)
        connection = self._kept(address) or await _connect(address, request)
        body = _Body(connection, self._idle[address])
        try:
            status, headers = await connection.send(request.method == "HEAD", _written(request, await request.aread()))
        except BaseException:
            connection.close()
            raise
        return httpx.Response(status, headers=headers, stream=body, extensions={"http_version": b"HTTP/1.1"})

    async def aclose(self) -> None:
        """Close the connections that are idle."""
        for kept in self._idle.values():
            for connection in kept:
                connection.close()
        self._idle.clear()

    def _kept(self, address: "Address") -> "_Connection | None":
        """Take the connection that was used last, if it is still good."""
        kept = self._idle[address]
        now = asyncio.get_running_loop().time()
        while kept:
            connection = kept.pop()
            if connection.is_idle() and now - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.close()
        return None


class _Body(httpx.AsyncByteStream):
    """The body of an answer as it comes; closing it gives the connection back."""

    def __init__(self, connection: "_Connection", idle: "deque[_Connection]") -> None:
        self._connection, self._idle = connection, idle

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._connection.chunks():
            yield chunk

    async def aclose(self) -> None:
        if self._connection.may_be_kept():
            self._connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(self._connection)
        else:
            self._connection.close()


class _Connection(asyncio.Protocol):
    """One connection with one exchange at a time."""

    def __init__(self) -> None:
        self.is_open = True
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None

    async def send(self, is_head: bool, data: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Write a request and wait for the head of its answer."""
        assert self._transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._is_head = is_head
        self._is_complete = self._is_framed = self._keeps = False
        self._error: Exception | None = None
        self._more: asyncio.Future[None] | None = None
        self._head: asyncio.Future[tuple[int, list[tuple[bytes, bytes]]]] = self._loop.create_future()
        self._transport.write(data)
        return await self._head

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._buffered -= len(chunk)
                yield chunk
            if self._is_complete:
                return
            if self._error is not None:
                raise self._error
            assert self._transport is not None
            self._transport.resume_reading()
            self._more = self._loop.create_future()
            await self._more

    def may_be_kept(self) -> bool:
        """Say whether the exchange is over and the other side keeps the connection."""
        return self.is_open and self._is_complete and not self._is_head and self._keeps

    def is_idle(self) -> bool:
        """Ask the system whether the connection is still open: after a freeze the loop does not know of its end yet.

        An idle connection has nothing to read but its end.
        """
        if not self.is_open or self._transport is None or self._transport.is_closing():
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Close the connection."""
        self.is_open = False
        if self._transport is not None:
            self._transport.close()

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, AttributeError) as error:
            self._fail(httpx.RemoteProtocolError(f"not HTTP: {error}"))
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if getattr(self, "_head", None) is None:
            return
        if self._head.done() and not self._is_framed and error is None:
            self.on_message_complete()
        self._fail(httpx.RemoteProtocolError(f"the connection was closed before the end: {error or 'no reason given'}"))

    # Called by the parser.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._is_framed |= name.lower() in (b"content-length", b"transfer-encoding")
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._is_framed |= status in (204, 304)
        if status >= 200 and not self._head.done():
            self._head.set_result((status, self._headers))
        if self._is_head:
            self.on_message_complete()

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._buffered += len(body)
        if self._buffered > _MOST_BUFFERED and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # an interim answer: the real one follows
            return
        self._is_complete = True
        self._keeps = self._parser.should_keep_alive()
        self._wake()

    def _fail(self, error: Exception) -> None:
        if not self._is_complete:
            self._error = error
        if not self._head.done():
            self._head.set_exception(error)
        self._wake()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)


async def _connect(address: "Address", request: httpx.Request) -> _Connection:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _transport, connection = await loop.create_connection(_Connection, *address)
    except TimeoutError as error:
        raise httpx.ConnectTimeout(
            f"{address[0]}:{address[1]} does not take the connection", request=request
        ) from error
    except OSError as error:
        raise httpx.ConnectError(str(error), request=request) from error
    return connection


def _written(request: httpx.Request, body: bytes) -> bytes:
    parts: list[bytes] = [request.method.encode(), b" ", request.url.raw_path, b" HTTP/1.1\r\n"]
    for name, value in request.headers.raw:
        parts += (name, b": ", value, b"\r\n")
    return b"".join((*parts, b"\r\n", body))
