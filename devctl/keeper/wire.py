"""How the keeper and its one client speak: a JSON object a line, followed by `body` raw bytes where it says so."""

from __future__ import annotations

import json

VERSION = 1
MOST_BYTES = 64 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing alone would cost the keeper as much memory as all of its own code
    from collections.abc import Iterator
    from typing import Any

    Message = dict[str, Any]


def encode(message: Message, body: bytes = b"") -> bytes:
    """Return the bytes of one message."""
    if body:
        message = {**message, "body": len(body)}
    return json.dumps(message, separators=(",", ":")).encode() + b"\n" + body


class Decoder:
    """Cut a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: Message | None = None

    def feed(self, received: bytes) -> Iterator[tuple[Message, bytes]]:
        """Yield each message that is complete, with its body; ValueError when the stream is not ours."""
        self._buffer += received
        if len(self._buffer) > MOST_BYTES:
            raise ValueError("message too long")
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> tuple[Message, bytes] | None:
        if self._head is None:
            end = self._buffer.find(b"\n")
            if end < 0:
                return None
            head = json.loads(self._buffer[:end])
            if not isinstance(head, dict):
                raise ValueError("not a message")
            self._head = head
            del self._buffer[: end + 1]
        size = int(self._head.get("body", 0))
        if len(self._buffer) < size:
            return None
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        head, self._head = self._head, None
        return head, body
