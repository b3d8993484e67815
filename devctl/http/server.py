"""The one small HTTP/1.1 server of devctl's own processes (hub, emulators): h11 for the protocol, asyncio
for the sockets. It answers whole requests with whole responses, keeps connections open, and refuses foreign Host
headers, so that no web page can reach a local port by a name that it rebinds. No client can hold it up: bodies,
heads and connections are capped, and a connection on which nothing gets ahead is cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import math
import socket
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import h11

_MOST_CONNECTIONS = 1_000
_MOST_AHEAD = 256 << 10  # bytes of further requests taken in while one is answered
_REQUEST_SECONDS = 30.0  # from a request's first byte to its last, and to take an answer
_IDLE_SECONDS = 300.0  # between requests
_LINGER_SECONDS = 2.0  # for a refused client to read why, while what it still sends is thrown away
_SWEEP_SECONDS = 5.0

LISTEN_FDS_START = 3  # sd_listen_fds(3): inherited sockets begin at descriptor 3


@dataclass(slots=True)
class Request:
    """One request, body and all. Header names are lower case; `query` maps each name to its values."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


@dataclass(slots=True)
class Response:
    """What to answer; the length is added by the server."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: list[tuple[str, str]] = field(default_factory=list)


Handler = Callable[[Request], Awaitable[Response]]


def json_response(value: Any, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Response:
    """Return `value` as a JSON response."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, body, "application/json", headers or [])


def is_loopback_host(host_header: str) -> bool:
    """Tell whether a Host header names this machine's loopback (with or without a port)."""
    host = urlsplit(f"//{host_header}").hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


class Server:
    """Serve `handler` on listening sockets until closed."""

    def __init__(
        self,
        handler: Handler,
        *,
        max_body: int = 64 << 20,
        any_host: bool = False,
        most_connections: int = _MOST_CONNECTIONS,
        request_seconds: float = _REQUEST_SECONDS,
    ) -> None:
        self._handler = handler
        self._most_connections = most_connections
        self._request_seconds = request_seconds
        self._sweep: asyncio.TimerHandle | None = None
        self._max_body = max_body
        self._any_host = any_host
        self._connections: set[_Connection] = set()
        self._servers: list[asyncio.Server] = []

    async def listen(self, *sockets: socket.socket) -> None:
        """Accept connections on sockets that are bound already (see `bind` and `inherited`)."""
        loop = asyncio.get_running_loop()
        for listener in sockets:
            self._servers.append(await loop.create_server(lambda: _Connection(self), sock=listener, backlog=1024))

    async def close(self, grace_seconds: float = 1.0) -> None:
        """Take no more connections, let running requests end within the grace, then cut the rest."""
        for server in self._servers:
            server.close()
        if self._sweep:
            self._sweep.cancel()
        busy = [connection.task for connection in self._connections if connection.task]
        if busy:
            await asyncio.wait(busy, timeout=grace_seconds)
        for connection in list(self._connections):
            connection.drop()

    def _admit(self, connection: _Connection) -> bool:
        """Take a connection up unless there are too many."""
        if len(self._connections) >= self._most_connections:
            return False
        self._connections.add(connection)
        self._plan_sweep()
        return True

    def _plan_sweep(self) -> None:
        """Look after the connections later on; without any, nothing wakes the process."""
        if self._sweep is None and self._connections:
            every = min(_SWEEP_SECONDS, self._request_seconds)
            self._sweep = asyncio.get_running_loop().call_later(every, self._drop_the_stuck)

    def _drop_the_stuck(self) -> None:
        self._sweep = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._connections):
            if now > connection.deadline:
                connection.drop()
        self._plan_sweep()


def bind(address: str) -> socket.socket:
    """Return a listening socket on HOST:PORT."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host.strip("[]"), int(port)))
    listener.listen(1024)
    return listener


def inherited(index: int = 0) -> socket.socket:
    """Return the listening socket that the parent handed over as descriptor 3 + index."""
    return socket.socket(fileno=LISTEN_FDS_START + index)


class _Connection(asyncio.Protocol):
    """One client. Requests of a connection are answered one after the other."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.task: asyncio.Task[None] | None = None
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=64 << 10)
        self._request: h11.Request | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._ahead = 0
        self._is_begun = False  # some of the next request is here
        self._is_full = False  # the client does not take what was answered
        self._is_refused = False
        self.deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._wait_for(_IDLE_SECONDS)
        if not self.server._admit(self):
            self._refuse(503, "too many connections")

    def connection_lost(self, error: Exception | None) -> None:
        self.server._connections.discard(self)
        if self.task:
            self.task.cancel()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._read()

    def drop(self) -> None:
        self.transport.abort()

    def _wait_for(self, seconds: float) -> None:
        self.deadline = asyncio.get_running_loop().time() + seconds

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if not self._is_begun:
            self._is_begun = True
            self._wait_for(self.server._request_seconds)
        self._http.receive_data(data)
        if self.task is None:
            self._read()
            return
        self._ahead += len(data)
        if self._ahead > _MOST_AHEAD:
            self.transport.pause_reading()

    def _read(self) -> None:
        try:
            self._read_events()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint or 400, str(error))

    def _read_events(self) -> None:
        while self.task is None and not (self._is_full or self._is_refused or self.transport.is_closing()):
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                return
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data):
                self._take(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._answer_request()
            else:  # paused, or closed by the client
                if isinstance(event, h11.ConnectionClosed):
                    self.transport.close()
                return

    def _begin(self, head: h11.Request) -> None:
        self._request, self._chunks, self._size = head, [], 0
        announced = next((value for name, value in head.headers if name == b"content-length"), b"0")
        if int(announced) > self.server._max_body:  # h11 has checked that it is a number
            self._refuse_size()

    def _take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self.server._max_body:
            self._refuse_size()
        else:
            self._chunks.append(chunk)

    def _refuse_size(self) -> None:
        self._chunks = []
        self._refuse(413, f"the body is larger than {self.server._max_body} bytes")

    def _answer_request(self) -> None:
        assert self._request is not None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._request.headers}
        request = Request(
            self._request.method.decode("latin-1"),
            self._request.target.decode("latin-1"),
            headers,
            b"".join(self._chunks),
        )
        self._chunks = []
        self.deadline = math.inf  # a handler takes the time that it needs
        self.task = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        if not self.server._any_host and not is_loopback_host(request.headers.get("host", "")):
            response = Response(403, b"this address answers only to loopback names\n")
        else:
            response = await self._handle(request)
        self.task = None
        if self.transport.is_closing():
            return
        self._respond(response, has_body=request.method != "HEAD")
        self._go_on()

    def _go_on(self) -> None:
        """Turn to the next request, of which some may be here already."""
        self._is_begun, self._ahead = self._ahead > 0, 0
        self._wait_for(self.server._request_seconds if self._is_begun or self._is_full else _IDLE_SECONDS)
        self.transport.resume_reading()
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._read()
        else:
            self.transport.close()

    async def _handle(self, request: Request) -> Response:
        try:
            return await self.server._handler(request)
        except Exception:  # the border of a request: one bad one must not end the process
            traceback.print_exc()
            return Response(500, b"internal error, see the log of this process\n")

    def _respond(self, response: Response, *, has_body: bool = True) -> None:
        headers = [("content-length", str(len(response.body))), *response.headers]
        if response.status != 204:
            headers.append(("content-type", response.content_type))
        events = [h11.Response(status_code=response.status, headers=headers), h11.EndOfMessage()]
        if has_body and response.body:
            events.insert(1, h11.Data(data=response.body))
        self._send(*events)

    def _send(self, *events: Any) -> None:
        # One write for head and body: two small ones would wait for each other (Nagle and delayed ACK).
        self.transport.write(b"".join(self._http.send(event) or b"" for event in events))

    def _refuse(self, status: int, reason: str) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._respond(Response(status, f"{reason}\n".encode(), headers=[("connection", "close")]))
        # Closing at once would reset the connection under a client that still sends, and take the answer with it.
        self._is_refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self.transport.abort)
