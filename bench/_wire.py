"""The two ends of the relay's benchmark: an HTTP server that costs little, and a client that measures each request.

Neither is asyncio nor the relay's own loop, so that what is measured is what stands between them.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from dataclasses import dataclass

REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nX-Request-Id: 0123456789abcdef\r\n\r\n"
BODY = b"x" * 300
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n" + BODY
BULK = b"y" * (1 << 18)


@dataclass(frozen=True)
class Load:
    """What one load saw: requests a second, and the time of each in seconds, sorted."""

    per_second: float
    times: list[float]

    def percentile(self, percent: int) -> float:
        """Return a percentile in milliseconds."""
        return self.times[min(len(self.times) * percent // 100, len(self.times) - 1)] * 1000


def serve(port: int) -> None:
    """Answer every request on every connection."""
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    listener.setblocking(False)
    poll, connections = select.epoll(), {}
    poll.register(listener.fileno(), select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                poll.register(connection.fileno(), select.EPOLLIN)
            elif not _answer(connections[fd]):
                connections.pop(fd).close()


def _answer(connection: socket.socket) -> bool:
    try:
        received = connection.recv(1 << 16)
        if received.endswith(b"\r\n\r\n"):
            connection.sendall(RESPONSE)
    except OSError:
        return False
    return bool(received)


def sequential(port: int, count: int, *, keep_alive: bool) -> Load:
    """Send one request after the other."""
    connection = _connect(port)
    times = []
    began = time.perf_counter()
    for _ in range(count):
        start = time.perf_counter()
        if not keep_alive:
            connection = _connect(port)
        connection.sendall(REQUEST)
        while not connection.recv(1 << 16).endswith(BODY[:1]):
            pass
        if not keep_alive:
            connection.close()
        times.append(time.perf_counter() - start)
    connection.close()
    return Load(count / (time.perf_counter() - began), sorted(times))


def concurrent(port: int, count: int, connections: int, *, keep_alive: bool) -> Load:
    """Keep `connections` requests under way at a time."""
    poll = select.epoll()
    open_: dict[int, tuple[socket.socket, float]] = {}
    times: list[float] = []

    def begin(connection: socket.socket | None) -> None:
        start = time.perf_counter()
        if connection is None:
            connection = _connect(port)
            poll.register(connection.fileno(), select.EPOLLIN)
        open_[connection.fileno()] = (connection, start)
        connection.sendall(REQUEST)

    began = time.perf_counter()
    for _ in range(connections):
        begin(None)
    while len(times) < count:
        for fd, _ in poll.poll():
            connection, start = open_[fd]
            if not connection.recv(1 << 16).endswith(BODY[:1]):
                raise ConnectionError("an answer was cut")
            times.append(time.perf_counter() - start)
            if keep_alive:
                begin(connection)
            else:
                connection.close()
                begin(None)
    load = Load(len(times) / (time.perf_counter() - began), sorted(times))
    for connection, _ in open_.values():
        connection.close()
    return load


def upload(port: int, size: int) -> float:
    """Return the seconds that sending `size` bytes takes, until the other end has closed."""
    with _connect(port) as connection:
        began = time.perf_counter()
        for _ in range(size // len(BULK)):
            connection.sendall(BULK)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass
        return time.perf_counter() - began


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


if __name__ == "__main__":
    serve(int(sys.argv[1]))
