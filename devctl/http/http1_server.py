"""The server's side of HTTP/1.1, by h11: one connection of a `devctl.http.server`."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import h11

from devctl.http.server import IDLE_SECONDS, Request, Response, Server, local_port

_MOST_AHEAD = 256 << 10  # bytes of further requests taken in while one is answered
_LINGER_SECONDS = 2.0  # for a refused client to read why, while what it still sends is thrown away


class Http1Connection(asyncio.Protocol):
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

    @property
    def busy(self) -> list[asyncio.Task[None]]:
        """The request that is being answered."""
        return [self.task] if self.task else []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._wait_for(IDLE_SECONDS)
        if not self.server.admit(self):
            self._refuse(503, "too many connections")

    def connection_lost(self, error: Exception | None) -> None:
        self.server.forget(self)
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
            self._wait_for(self.server.request_seconds)
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
        if int(announced) > self.server.max_body:  # h11 has checked that it is a number
            self._refuse_size()

    def _take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self.server.max_body:
            self._refuse_size()
        else:
            self._chunks.append(chunk)

    def _refuse_size(self) -> None:
        self._chunks = []
        self._refuse(413, f"the body is larger than {self.server.max_body} bytes")

    def _answer_request(self) -> None:
        assert self._request is not None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._request.headers}
        request = Request(
            self._request.method.decode("latin-1"),
            self._request.target.decode("latin-1"),
            headers,
            b"".join(self._chunks),
            port=local_port(self.transport),
        )
        self._chunks = []
        self.deadline = math.inf  # a handler takes the time that it needs
        self.task = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        response = await self.server.respond(request)
        self.task = None
        if self.transport.is_closing():
            return
        self._respond(response, has_body=request.method != "HEAD")
        self._go_on()

    def _go_on(self) -> None:
        """Turn to the next request, of which some may be here already."""
        self._is_begun, self._ahead = self._ahead > 0, 0
        self._wait_for(self.server.request_seconds if self._is_begun or self._is_full else IDLE_SECONDS)
        self.transport.resume_reading()
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._read()
        else:
            self.transport.close()

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
