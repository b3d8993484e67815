"""Accepting connections on a listening socket, also where no descriptor is left: clients wait in its backlog then."""

from __future__ import annotations

import errno
import socket
import traceback
from collections.abc import Callable

from devctl.relay.poll import READ, Poller

_ACCEPTS_AT_ONCE = 32
_PAUSE_SECONDS = 0.1  # without a free descriptor; to be told of the backlog all the time would take a processor
_NO_ROOM = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Acceptor:
    """Hands each connection of a listening socket to `begin`, until the socket is forgotten and closed."""

    def __init__(self, listener: socket.socket, poller: Poller, begin: Callable[[socket.socket], None]) -> None:
        self._listener = listener
        self._poller = poller
        self._begin = begin
        listener.setblocking(False)
        self._watch()

    def _watch(self) -> None:
        if self._listener.fileno() >= 0:  # it may have been closed during a pause
            self._poller.watch(self._listener.fileno(), READ, self._accept)

    def _accept(self, _events: int) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                client, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._poller.forget(self._listener.fileno())
                    self._poller.after(_PAUSE_SECONDS, self._watch)
                return
            try:
                self._begin(client)
            except Exception:  # the listener must go on
                traceback.print_exc()
                client.close()
