"""What can be seen of HTTP/1.1 on a connection: whether it rests between two exchanges.

Hardly anything is parsed while data flows: the start of a response is remembered, and read only when a connection
shall leave its instance; of a chunked response the framing is followed. In doubt (another protocol, HTTP/2, an
upgrade, pipelining, a response without a length that is still under way) the answer is no, and the connection stays
where it is.
"""

from __future__ import annotations

from devctl.relay.chunked import ChunkedBody

MOST_HEAD = 2048
"""Bytes of a response that are remembered: its head must fit, else the connection is not seen as HTTP."""

_METHODS = frozenset((b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"PATC", b"OPTI"))
_WITHOUT_BODY = frozenset((b"204", b"304"))


class Exchange:
    """The requests and responses of one connection, as far as their chunks tell."""

    __slots__ = ("_chunked", "_head", "_is_head", "_is_plain", "_size", "is_awaiting", "must_close")

    def __init__(self) -> None:
        self.is_awaiting = False  # a request went up, and nothing of its response came yet
        self.must_close = False  # the next response shall tell the client to close
        self._is_plain = True
        self._is_head = False
        self._head = b""
        self._size = 0
        self._chunked: ChunkedBody | None = None

    def sent(self, chunk: bytes) -> bytes:
        """Note a chunk on its way to the instance, and return it."""
        method = chunk[:4]
        if method in _METHODS:
            if self.is_awaiting:
                self._is_plain = False  # pipelined, as far as anyone can tell
            self._is_head = method == b"HEAD"
        self.is_awaiting = True
        return chunk

    def received(self, chunk: bytes) -> bytes:
        """Note a chunk on its way to the client, and return what the client shall get instead."""
        if self.is_awaiting:
            self.is_awaiting = False
            self._head = chunk[:MOST_HEAD]
            self._size = len(chunk)
            self._chunked = _chunked_body(chunk)
            if self.must_close:
                return told_to_close(chunk)
        else:
            self._size += len(chunk)
            if self._chunked:
                self._chunked.feed(chunk)
        return chunk

    @property
    def is_resting(self) -> bool:
        """Whether the last request has its whole response, so that the next one may go to another instance."""
        return not self.is_awaiting and self._is_plain and self._is_complete()

    def _is_complete(self) -> bool:
        if not self._head:
            return self._size == 0  # nothing was sent at all
        head, end, _ = self._head.partition(b"\r\n\r\n")
        if not end or not head.startswith(b"HTTP/1.1 ") or head[9:10] == b"1":
            return False
        size = len(head) + len(end)
        fields = _fields(head)
        if head[9:12] in _WITHOUT_BODY or self._is_head:
            return self._size == size
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            return self._chunked is not None and self._chunked.is_whole
        length = fields.get(b"content-length", b"")
        return length.isdigit() and self._size == size + int(length)


def _chunked_body(chunk: bytes) -> ChunkedBody | None:
    """Return the body that begins in the first chunk of a response, if it may be a chunked one."""
    end = chunk.find(b"\r\n\r\n", 0, MOST_HEAD)
    if end < 0 or b"chunked" not in chunk[:end].lower():
        return None
    body = ChunkedBody()
    body.feed(chunk[end + 4 :])
    return body


def told_to_close(chunk: bytes) -> bytes:
    """Return the start of a response with `Connection: close` in its head; anything else as it is."""
    if not chunk.startswith(b"HTTP/1.1 ") or chunk[9:10] == b"1":
        return chunk
    status, end, rest = chunk.partition(b"\r\n")
    return status + b"\r\nConnection: close\r\n" + rest if end else chunk


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip().lower() for name, _, value in lines}
