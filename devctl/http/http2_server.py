"""The server's side of HTTP/2 without TLS, by prior knowledge: what `devctl.http.server` turns to for a connection that
opens with HTTP/2's preface. Requests of a connection are answered side by side, whole responses to whole requests.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from devctl.http.server import IDLE_SECONDS, Request, Response, Server, local_port

_STREAM_WINDOW = 1 << 20  # bytes of a body under way before they are read; 64 KiB cost a round trip each


@dataclass(slots=True)
class _Incoming:
    """A request that is not whole yet, and until when it has to be."""

    request: Request
    deadline: float
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class _Outgoing:
    """What of a response waits for the client to make room."""

    rest: bytes
    trailers: Sequence[tuple[str, str]]


class Http2Connection(asyncio.Protocol):
    """One client that speaks HTTP/2."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._incoming: dict[int, _Incoming] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._outgoing: dict[int, _Outgoing] = {}
        self._unread: set[int] = set()  # answered before the request was whole
        self._idle_until = 0.0
        self._full_until = math.inf  # a client that does not take its answers has so long

    @property
    def busy(self) -> list[asyncio.Task[None]]:
        """The requests that are being answered."""
        return list(self._tasks.values())

    @property
    def deadline(self) -> float:
        """When the connection is stuck: a request is not whole, a response not taken, or nothing is asked any more."""
        waits = [incoming.deadline for incoming in self._incoming.values()]
        if not (waits or self._tasks or self._outgoing):
            waits.append(self._idle_until)
        return min([*waits, self._full_until])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._idle_until = self._in(IDLE_SECONDS)
        self._server.admit(self)
        self._http.initiate_connection()
        self._http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: _STREAM_WINDOW})
        self._http.increment_flow_control_window(_STREAM_WINDOW)
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._server.forget(self)
        for task in self.busy:
            task.cancel()

    def pause_writing(self) -> None:
        self._full_until = self._in(self._server.request_seconds)
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._full_until = math.inf
        self.transport.resume_reading()

    def drop(self) -> None:
        """End the connection; a client that only rests is told, so that it opens another one when it needs it."""
        if self._incoming or self._tasks or self._outgoing or self._full_until < math.inf:
            self.transport.abort()
            return
        self._http.close_connection()
        self._flush()
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            events = self._http.receive_data(data)
        except ProtocolError:
            self._flush()  # says why
            self.transport.close()
            return
        for event in events:
            self._handle(event)
        self._flush()

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(stream)):
                request = _request(event.headers, local_port(self.transport))
                self._incoming[stream] = _Incoming(request, self._in(self._server.request_seconds))
            case DataReceived(stream_id=int(stream)):
                self._http.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                self._take(stream, event.data or b"")
            case StreamEnded(stream_id=int(stream)):
                self._answer(stream, self._server.respond)
            case StreamReset(stream_id=int(stream)):
                self._forget(stream)
            case WindowUpdated(stream_id=int(stream)):
                for waiting in [stream] if stream else list(self._outgoing):
                    self._send_rest(waiting)
            case ConnectionTerminated():
                self.transport.close()

    def _take(self, stream: int, chunk: bytes) -> None:
        incoming = self._incoming.get(stream)
        if incoming is None:
            return
        incoming.size += len(chunk)
        incoming.chunks.append(chunk)
        if incoming.size > self._server.max_body:
            incoming.chunks = []
            self._unread.add(stream)
            self._answer(stream, self._server.respond_too_large)

    def _answer(self, stream: int, respond: Callable[[Request], Awaitable[Response]]) -> None:
        incoming = self._incoming.pop(stream, None)
        if incoming is None:
            return
        incoming.request.body = b"".join(incoming.chunks)
        task = asyncio.get_running_loop().create_task(self._respond(stream, incoming.request, respond))
        self._tasks[stream] = task

    async def _respond(self, stream: int, request: Request, respond: Callable[[Request], Awaitable[Response]]) -> None:
        response = await respond(request)
        self._tasks.pop(stream, None)
        self._idle_until = self._in(IDLE_SECONDS)
        if self.transport.is_closing():
            return
        try:
            self._send(stream, response, has_body=request.method != "HEAD")
        except ProtocolError:  # the client has reset the stream meanwhile, and has no use for the answer
            self._outgoing.pop(stream, None)
        self._flush()

    def _send(self, stream: int, response: Response, *, has_body: bool) -> None:
        body = response.body if has_body else b""
        headers = [(":status", str(response.status)), ("content-length", str(len(response.body))), *response.headers]
        if response.status != 204:
            headers.append(("content-type", response.content_type))
        has_more = bool(body or response.trailers)
        self._http.send_headers(stream, headers, end_stream=not has_more)
        self._outgoing[stream] = _Outgoing(body, response.trailers)
        self._send_rest(stream)

    def _send_rest(self, stream: int) -> None:
        """Send what the client has room for; the rest goes when it has made some."""
        outgoing = self._outgoing.get(stream)
        if outgoing is None:
            return
        while outgoing.rest:
            room = min(self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size)
            if room <= 0:
                return
            piece, outgoing.rest = outgoing.rest[:room], outgoing.rest[room:]
            self._http.send_data(stream, piece, end_stream=not (outgoing.rest or outgoing.trailers))
        if outgoing.trailers:
            self._http.send_headers(stream, outgoing.trailers, end_stream=True)
        del self._outgoing[stream]
        if stream in self._unread:  # no need to send the rest of a request that is answered
            self._unread.discard(stream)
            self._http.reset_stream(stream, ErrorCodes.NO_ERROR)

    def _forget(self, stream: int) -> None:
        """Drop what belongs to a stream that the client has given up."""
        self._incoming.pop(stream, None)
        self._outgoing.pop(stream, None)
        self._unread.discard(stream)
        if task := self._tasks.pop(stream, None):
            task.cancel()

    def _flush(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self._http.data_to_send())

    def _in(self, seconds: float) -> float:
        return asyncio.get_running_loop().time() + seconds


def _request(headers: Iterable[tuple[bytes, bytes]], port: int) -> Request:
    """Return a request of the headers, `:authority` as Host; h2 has seen to it that the needed ones are there."""
    texts = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    method, target = texts.pop(":method", ""), texts.pop(":path", "")
    texts.setdefault("host", texts.pop(":authority", ""))
    return Request(method, target, texts, version="2", port=port)
