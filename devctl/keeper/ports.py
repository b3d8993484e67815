"""The listening sockets that the keeper binds and hands over, so that a port outlives the process that serves it.

Where the keeper itself was killed, the next one copies them out of the instance that still holds them; where the
system does not permit that, the port is bound anew at the next start.
"""

from __future__ import annotations

import socket

from devctl.keeper import spawn, system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_BACKLOG = 1024


class Ports:
    """The sockets of all instances, on loopback."""

    def __init__(self) -> None:
        self._sockets: dict[tuple[str, int], socket.socket] = {}

    def descriptor(self, instance: str, port: int) -> int:
        """Return the listening socket of this port, bound now if it is not yet; OSError when it is taken."""
        if (instance, port) not in self._sockets:
            self._sockets[instance, port] = _listen(port)
        return self._sockets[instance, port].fileno()

    def copy(self, instance: str, process: int, ports: Sequence[int]) -> None:
        """Copy the sockets that an instance holds, by its pidfd."""
        for index, port in enumerate(ports):
            listener = system.copy_socket(process, spawn.FIRST_INHERITED + index)
            if listener is not None and listener.getsockname()[1:2] == (port,):
                self._sockets[instance, port] = listener

    def release(self, instance: str) -> None:
        """Close the sockets of an instance."""
        for key in [key for key in self._sockets if key[0] == instance]:
            self._sockets.pop(key).close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen: {error.strerror}", f"127.0.0.1:{port}") from error
    listener.listen(_BACKLOG)
    return listener
