"""The server's side of one connection: uvicorn's, with bounds on the head of a request, in size and in time.

Bodies are bounded by the edge; before it is asked, an endless head would fill the memory of whoever reads it.
"""

import asyncio
from collections import deque
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0


class Intake(HttpToolsProtocol):
    """Ends a connection whose next request does not get past its head."""

    head_seconds = HEAD_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._is_in_head = False
        self._ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; whoever connects has something to say."""
        super().connection_made(transport)
        self._ends = self.loop.call_later(self.head_seconds, self._refuse, b"408 Request Timeout")

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._let_be()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head is over; the trailers of a body in chunks are no business of ours."""
        self._is_in_head = False
        self._let_be()
        super().on_headers_complete()
        self.headers = cast("list[tuple[bytes, bytes]]", deque(maxlen=0))

    def data_received(self, data: bytes) -> None:
        """Take in what came. Most heads come in one piece and cost nothing here."""
        super().data_received(data)
        if not self._is_in_head:
            return
        self._head_bytes += len(data)
        if self._ends is None:
            self._ends = self.loop.call_later(self.head_seconds, self._refuse, b"408 Request Timeout")
        if self._head_bytes > HEAD_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")

    def _refuse(self, status: bytes) -> None:
        self._let_be()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def _let_be(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None
