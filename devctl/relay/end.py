"""One end of a relayed connection: a socket, and what is waited for on it."""

from __future__ import annotations

import socket
from collections.abc import Callable

from devctl.relay.poll import READ, WRITE, Poller

_LINGER_NONE = b"\1\0\0\0\0\0\0\0"  # struct linger {1, 0}: a close sends a reset


class End:
    """A non-blocking socket with two wishes, `reads` and `writes`; `update` brings them into force."""

    __slots__ = ("_is_hung_up", "_mask", "_poller", "fd", "on_read", "on_write", "reads", "sock", "writes")

    def __init__(self, sock: socket.socket, poller: Poller) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.reads = False
        self.writes = False
        self.on_read: Callable[[int], None] = _ignore
        self.on_write: Callable[[], None] = _ignore
        self._poller = poller
        self._mask = -1
        self._is_hung_up = False

    def update(self) -> None:
        """Wait for what is wanted now."""
        mask = READ * self.reads + WRITE * self.writes
        if mask == 0 and self._is_hung_up:  # the kernel would report that for ever
            self._poller.forget(self.fd)
            self._mask = -1
        elif mask != self._mask:
            # What is waited for nearly always, reading alone, goes straight to its handler.
            self._poller.watch(self.fd, mask, self.on_read if mask == READ else self._ready)
            self._mask = mask

    def read_by(self, handler: Callable[[int], None]) -> None:
        """Have `handler` called from now on when there is something to read."""
        self.on_read = handler
        if self._mask == READ:
            self._poller.rename(self.fd, handler)

    def close(self, *, reset: bool = False) -> None:
        """Close the socket; with `reset` the peer is told that the connection broke."""
        self._poller.closing(self.fd)
        if reset:
            reset_on_close(self.sock)
        self.sock.close()

    def _ready(self, events: int) -> None:
        if events & WRITE and self.writes:
            self.on_write()
        if self.reads:
            if events & ~WRITE:
                self.on_read(events)
        elif events & ~(READ | WRITE) and not self.writes:
            self._is_hung_up = True
            self.update()


def reset_on_close(sock: socket.socket) -> None:
    """Have the close of this socket send a reset."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
    except OSError:  # the connection is gone already; macOS says so
        return


def _ignore(*_: int) -> None:
    return None
