"""Uvicorn's HTTP protocol with bounds on the head of a request, in size and in time.

The middleware bounds bodies; it is called after the head, and an endless head would fill the memory until then.
"""

import asyncio
from collections import deque
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024  # four times what h11 allows; browsers and proxies stay below 16 KiB
HEAD_SECONDS = 10.0  # a slow mobile connection needs one or two


class BoundedHttpProtocol(HttpToolsProtocol):
    """Ends a connection whose next request does not complete its head."""

    head_seconds = HEAD_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._is_in_head = False
        self._timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time in which the first head must come."""
        super().connection_made(transport)
        self._timeout = self.loop.call_later(self.head_seconds, self._refuse, b"408 Request Timeout")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._cancel_timeout()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Start counting the head of a request."""
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting; the trailers of a chunked body are dropped."""
        self._is_in_head = False
        self._cancel_timeout()
        super().on_headers_complete()
        self.headers = cast("list[tuple[bytes, bytes]]", deque(maxlen=0))

    def data_received(self, data: bytes) -> None:
        """Parse what came, and count it while in a head. Most heads come in one piece and cost nothing here."""
        super().data_received(data)
        if not self._is_in_head:
            return
        self._head_bytes += len(data)
        if self._timeout is None:
            self._timeout = self.loop.call_later(self.head_seconds, self._refuse, b"408 Request Timeout")
        if self._head_bytes > HEAD_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")

    def _refuse(self, status: bytes) -> None:
        self._cancel_timeout()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def _cancel_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
