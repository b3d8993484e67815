"""How the supervisor speaks to the relay: a JSON object a line over a Unix socket that only this user may open.

Requests: `table` {table}, `listen` (with listening sockets as ancillary data, from the keeper), `status`. Each is
answered with the same `id`; what happens meanwhile is told as `event`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from typing import Any

from devctl.keeper import system
from devctl.relay import table as tables
from devctl.relay.acceptor import Acceptor
from devctl.relay.app import Relay
from devctl.relay.poll import READ, WRITE, Poller

_MOST_BYTES = 8 << 20
_MOST_SOCKETS = 64


class _Client:
    """One connection to the control socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = bytearray()
        self.unsent = bytearray()


class Control:
    """The control socket and who speaks there."""

    def __init__(self, relay: Relay, poller: Poller, path: str) -> None:
        self._relay = relay
        self._poller = poller
        self._clients: set[_Client] = set()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        os.chmod(path, 0o600)
        self._listener.listen(8)
        Acceptor(self._listener, poller, self._begin)
        relay.on_event = self.tell

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event to everyone who is connected."""
        for client in list(self._clients):
            self._send(client, event)

    def _begin(self, connection: socket.socket) -> None:
        if system.peer_uid(connection) != os.getuid():
            connection.close()
            return
        connection.setblocking(False)
        client = _Client(connection)
        self._clients.add(client)
        self._watch(client)

    def _watch(self, client: _Client) -> None:
        mask = READ | (WRITE if client.unsent else 0)
        self._poller.watch(client.connection.fileno(), mask, lambda events: self._ready(client, events))

    def _ready(self, client: _Client, events: int) -> None:
        if events & WRITE:
            self._flush(client)
        if events & ~WRITE and client in self._clients:
            self._receive(client)

    def _receive(self, client: _Client) -> None:
        try:
            received, descriptors, _, _ = socket.recv_fds(client.connection, 1 << 16, _MOST_SOCKETS)
        except BlockingIOError:
            return
        except OSError:
            received, descriptors = b"", []
        for fd in descriptors:
            os.set_inheritable(fd, False)
            self._relay.listen(socket.socket(fileno=fd))
        client.received += received
        if not received or len(client.received) > _MOST_BYTES:
            self._part(client)
            return
        while (end := client.received.find(b"\n")) >= 0:
            line = bytes(client.received[:end])
            del client.received[: end + 1]
            self._send(client, self._answer(line))

    def _answer(self, line: bytes) -> dict[str, Any]:
        number = None
        try:
            request = json.loads(line)
            number = request.get("id")
            return {"id": number, "result": self._do(request)}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return {"id": number, "error": f"not understood: {error!r}"}

    def _do(self, request: dict[str, Any]) -> Any:
        match request["op"]:
            case "table":
                self._relay.set_table(tables.from_json(request["table"]))
                return self._relay.status()
            case "status" | "listen":
                return self._relay.status()
            case other:
                raise ValueError(f"no request {other!r}")

    def _send(self, client: _Client, message: dict[str, Any]) -> None:
        client.unsent += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self._flush(client)

    def _flush(self, client: _Client) -> None:
        try:
            while client.unsent:
                del client.unsent[: client.connection.send(client.unsent)]
        except BlockingIOError:
            pass
        except OSError:
            return self._part(client)
        if client in self._clients:
            self._watch(client)
        return None

    def _part(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._poller.forget(client.connection.fileno())
            client.connection.close()
