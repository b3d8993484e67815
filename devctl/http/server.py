"""The one small HTTP server of devctl's own processes (hub, emulators): h11 for HTTP/1.1 and, where it is asked for,
h2 for HTTP/2, asyncio for the sockets. It answers whole requests with whole responses, keeps connections open, and
refuses foreign Host headers, so that no web page can reach a local port by a name that it rebinds. No client can hold
it up: bodies, heads and connections are capped, and a connection on which nothing gets ahead is cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import socket
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

_MOST_CONNECTIONS = 1_000
_REQUEST_SECONDS = 30.0  # from a request's first byte to its last, and to take an answer
IDLE_SECONDS = 300.0  # between requests
_SWEEP_SECONDS = 5.0
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, 3.4: a client that speaks HTTP/2 opens with it
_TLS_HANDSHAKE = b"\x16\x03"  # the type and the major version of a TLS record (RFC 8446, 5.1)

LISTEN_FDS_START = 3  # sd_listen_fds(3): inherited sockets begin at descriptor 3


@dataclass(slots=True)
class Request:
    """One request, body and all. Header names are lower case; `query` maps each name to its values.

    `version` is that of HTTP, `port` the one of this machine that it came to.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    version: str = "1.1"
    port: int = 0

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


@dataclass(slots=True)
class Response:
    """What to answer; the length is added by the server. Trailers are for HTTP/2 alone."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: list[tuple[str, str]] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)


Handler = Callable[[Request], Awaitable[Response]]


def json_response(value: Any, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Response:
    """Return `value` as a JSON response."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, body, "application/json", headers or [])


def _service_name() -> str:
    """Return the service that this process is, as its keeper says, in lower case; empty where it is none."""
    return os.environ.get("DEVCTL_INSTANCE", "").rpartition("/")[2].rpartition(".")[0].lower()


def is_loopback_host(host_header: str) -> bool:
    """Tell whether a Host header names this machine's loopback (with or without a port), or this very service, as
    containers of its stack do: no page of the web has such a name."""
    host = urlsplit(f"//{host_header}").hostname or ""
    if host == "localhost" or host.endswith(".localhost") or (host and host == _service_name()):
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def plain_refusal(_: Request, status: int, reason: str) -> Response:
    """Return a refusal as text."""
    return Response(status, f"{reason}\n".encode())


class Connection(Protocol):
    """One client of a server."""

    @property
    def deadline(self) -> float:
        """When it counts as stuck, in the loop's time."""
        ...

    @property
    def busy(self) -> list[asyncio.Task[None]]:
        """The requests that are being answered."""
        ...

    def drop(self) -> None:
        """End it at once."""
        ...


@dataclass(frozen=True, slots=True)
class Http2Options:
    """For a server that speaks HTTP/2, too: `refusal` words what the server itself refuses, and `on_tls` is called with
    the port that a client tried to speak TLS to."""

    refusal: Callable[[Request, int, str], Response] = plain_refusal
    on_tls: Callable[[int], None] | None = None


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
        http2: Http2Options | None = None,
    ) -> None:
        self._handler = handler
        self.max_body = max_body
        self._any_host = any_host
        self._most_connections = most_connections
        self.request_seconds = request_seconds
        self.http2 = http2
        self._refusal = http2.refusal if http2 else plain_refusal
        self._sweep: asyncio.TimerHandle | None = None
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []

    async def listen(self, *sockets: socket.socket) -> None:
        """Accept connections on sockets that are bound already (see `bind` and `inherited`)."""
        loop = asyncio.get_running_loop()
        for listener in sockets:
            self._servers.append(await loop.create_server(lambda: _Opening(self), sock=listener, backlog=1024))

    async def close(self, grace_seconds: float = 1.0) -> None:
        """Take no more connections, let running requests end within the grace, then cut the rest."""
        for server in self._servers:
            server.close()
        if self._sweep:
            self._sweep.cancel()
        busy = [task for connection in self._connections for task in connection.busy]
        if busy:
            await asyncio.wait(busy, timeout=grace_seconds)
        for connection in list(self._connections):
            connection.drop()

    def admit(self, connection: Connection) -> bool:
        """Take a connection up unless there are too many."""
        if len(self._connections) >= self._most_connections:
            return False
        self._connections.add(connection)
        self._plan_sweep()
        return True

    def forget(self, connection: Connection) -> None:
        """Drop a connection that has ended from the books."""
        self._connections.discard(connection)

    async def respond(self, request: Request) -> Response:
        """Return the handler's answer, or a refusal; never raise."""
        if not self._any_host and not is_loopback_host(request.headers.get("host", "")):
            return self._refusal(request, 403, "this address answers only to loopback names")
        try:
            return await self._handler(request)
        except Exception:  # the border of a request: one bad one must not end the process
            traceback.print_exc()
            return self._refusal(request, 500, "internal error, see the log of this process")

    async def respond_too_large(self, request: Request) -> Response:
        """Return the refusal of a body that is too large."""
        return self._refusal(request, 413, f"the body is larger than {self.max_body} bytes")

    def _plan_sweep(self) -> None:
        """Look after the connections later on; without any, nothing wakes the process."""
        if self._sweep is None and self._connections:
            every = min(_SWEEP_SECONDS, self.request_seconds)
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


def all_inherited() -> list[socket.socket]:
    """Return every listening socket that the parent handed over, of which LISTEN_FDS tells the number."""
    return [inherited(index) for index in range(int(os.environ.get("LISTEN_FDS", "1")))]


class _Opening(asyncio.Protocol):
    """A client of which it is not known yet what it speaks: its first bytes tell."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._received = b""
        self.deadline = asyncio.get_running_loop().time() + IDLE_SECONDS
        self.busy: list[asyncio.Task[None]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._server.admit(self):
            self._speak_http1()

    def connection_lost(self, error: Exception | None) -> None:
        self._server.forget(self)

    def data_received(self, data: bytes) -> None:
        if not self._received:
            self.deadline = asyncio.get_running_loop().time() + self._server.request_seconds
        self._received += data
        opening = self._received[: len(_PREFACE)]
        if self._server.http2 is None or not (_PREFACE.startswith(opening) or opening.startswith(_TLS_HANDSHAKE)):
            self._speak_http1()
        elif opening == _PREFACE:
            self._speak_http2()
        elif opening.startswith(_TLS_HANDSHAKE):
            if self._server.http2.on_tls:
                self._server.http2.on_tls(local_port(self._transport))
            self._transport.close()

    def drop(self) -> None:
        self._transport.abort()

    def _speak_http1(self) -> None:
        from devctl.http.http1_server import Http1Connection

        self._hand_over(Http1Connection(self._server))

    def _speak_http2(self) -> None:
        from devctl.http.http2_server import Http2Connection  # with h2, which most never need

        self._hand_over(Http2Connection(self._server))

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        self._server.forget(self)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if self._received:
            protocol.data_received(self._received)


def local_port(transport: asyncio.BaseTransport) -> int:
    """Return the port of this machine that a client came to."""
    return int(transport.get_extra_info("sockname")[1])
