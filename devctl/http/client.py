"""The small HTTP/1.1 client beside the server, for one question on one connection: probes, agents, telemetry.

It follows nothing, trusts nothing and reads no more than it is told to. What needs pools, proxies or redirects takes
a library instead.
"""

from __future__ import annotations

from devctl.http.connection import Connection
from devctl.http.message import Head, join_chunks, parse_head

HEAD_BYTES = 32 << 10  # four times what common servers allow; a longer head is cut


class Response:
    """A response whose head has come; the body is read when it is asked for."""

    def __init__(self, head: Head, body: bytes, connection: Connection) -> None:
        self.head = head
        self.body = body  # as much of it as has come
        self._connection = connection

    async def read(self, limit: int) -> bytes:
        """Return the body up to its announced length, its end, or about `limit` bytes."""
        if self.head.is_chunked:
            return await self._read_chunks(limit)
        length = limit if self.head.length is None else min(self.head.length, limit)
        while len(self.body) < length:
            piece = await self._connection.receive()
            if not piece:
                break
            self.body += piece
        return self.body[:length]

    async def _read_chunks(self, limit: int) -> bytes:
        body, is_whole = join_chunks(self.body)
        while not is_whole and len(self.body) < limit:
            piece = await self._connection.receive()
            if not piece:
                break
            self.body += piece
            body, is_whole = join_chunks(self.body)
        return body[:limit]


async def exchange(connection: Connection, request: bytes) -> Response:
    """Send a request and return the response as soon as its head is there; NotHttp when it is something else."""
    await connection.send(request)
    received = b""
    while b"\r\n\r\n" not in received and len(received) < HEAD_BYTES:
        piece = await connection.receive()
        if not piece:
            break
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return Response(parse_head(head), body, connection)
