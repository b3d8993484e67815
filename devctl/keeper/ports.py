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
    from typing import Any

_BACKLOG = 1024
_SEND_SECONDS = 0.5  # nothing else is done meanwhile; a relay answers within a millisecond


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
            self._keep(instance, system.copy_socket(process, spawn.FIRST_INHERITED + index), [port])
        if any((instance, port) not in self._sockets for port in ports):
            for fd in system.open_sockets(process):  # those that were handed over later lie anywhere
                self._keep(instance, system.copy_socket(process, fd), ports)

    def _keep(self, instance: str, copy: socket.socket | None, ports: Sequence[int]) -> None:
        """Keep a copied socket if it listens on one of the ports, and close it if not."""
        if copy is None:
            return
        is_listening = bool(copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        port = copy.getsockname()[1] if is_listening and copy.family == socket.AF_INET else 0
        if port in ports and (instance, port) not in self._sockets:
            self._sockets[instance, port] = copy
        else:
            copy.close()

    def hand_over(self, instance: str, ports: Sequence[int], path: str) -> dict[str, Any]:
        """Hand sockets to an instance that runs already, at its Unix socket; they are bound even where nobody listens
        there yet. Return which were handed over, and what kept one from being bound."""
        bound: list[int] = []
        problem = ""
        for port in ports:
            try:
                self.descriptor(instance, port)
                bound.append(port)
            except OSError as error:
                problem = f"{error.strerror}: {error.filename}"
        is_sent = bool(bound) and _send(path, [self.descriptor(instance, port) for port in bound])
        return {"handed": bound if is_sent else [], "problem": problem}

    def close(self, instance: str, ports: Sequence[int]) -> None:
        """Let ports of an instance go, so that others can have them."""
        for port in ports:
            if listener := self._sockets.pop((instance, port), None):
                listener.close()

    def release(self, instance: str) -> None:
        """Close the sockets of an instance."""
        for key in [key for key in self._sockets if key[0] == instance]:
            self._sockets.pop(key).close()


def _send(path: str, descriptors: list[int]) -> bool:
    """Send listening sockets to who listens at `path`; False when nobody does."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_SEND_SECONDS)
        try:
            link.connect(path)
            socket.send_fds(link, [b'{"id":0,"op":"listen"}\n'], descriptors)
            return bool(link.recv(1))
        except OSError:
            return False


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
