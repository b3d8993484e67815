"""The connections to the keeper's socket: who may speak, requests in, answers and events out. It knows no request
but `hello`, which makes a client one that is sent events.
"""

from __future__ import annotations

import os
import selectors
import socket

from devctl.keeper import system, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Answer = Callable[[wire.Message, bytes], Any]


class Refusal(Exception):
    """A request that cannot be done; its answer says so to the client."""


class _Client:
    """One connection: what came in half, what could not be sent yet."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.decoder = wire.Decoder()
        self.unsent = bytearray()
        self.is_listening = False


class Clients:
    """All connections. `answer(message, body)` returns what a request results in, bytes as a body of their own."""

    def __init__(self, listener: socket.socket, selector: selectors.BaseSelector, answer: Answer) -> None:
        self._listener = listener
        self._selector = selector
        self._answer = answer
        self._clients: set[_Client] = set()
        selector.register(listener, selectors.EVENT_READ, self._accept)

    def notify(self, event: wire.Message) -> None:
        """Send an event to everyone who said hello."""
        for client in list(self._clients):
            if client.is_listening:
                self._queue(client, wire.encode(event))

    def close(self) -> None:
        """Hang up."""
        for client in list(self._clients):
            self._drop(client)

    def _accept(self, _: int) -> None:
        connection, _address = self._listener.accept()
        if system.peer_uid(connection) != os.getuid():
            connection.close()
            return
        connection.setblocking(False)
        client = _Client(connection)
        self._clients.add(client)
        self._selector.register(connection, selectors.EVENT_READ, lambda events: self._serve(client, events))

    def _serve(self, client: _Client, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._send(client)
        if events & selectors.EVENT_READ:
            try:
                received = client.connection.recv(1 << 18)
                for message, body in client.decoder.feed(received):
                    self._reply(client, message, body)
            except BlockingIOError:
                return
            except (OSError, ValueError):
                received = b""
            if not received:
                self._drop(client)

    def _reply(self, client: _Client, message: wire.Message, body: bytes) -> None:
        client.is_listening = client.is_listening or message.get("op") == "hello"
        answer: wire.Message = {"id": message.get("id")}
        answer_body = b""
        try:
            result = self._answer(message, body)
            if isinstance(result, bytes):
                answer_body = result
            else:
                answer["result"] = result
        except Exception as error:  # whatever one request does wrong, the instances are worth more
            answer["error"] = _explain(error)
        self._queue(client, wire.encode(answer, answer_body))

    def _queue(self, client: _Client, message: bytes) -> None:
        client.unsent += message
        self._send(client)

    def _send(self, client: _Client) -> None:
        try:
            while client.unsent:
                del client.unsent[: client.connection.send(client.unsent)]
        except BlockingIOError:
            pass
        except OSError:
            return self._drop(client)
        if client in self._clients:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
            self._selector.modify(client.connection, events, lambda got: self._serve(client, got))
        return None

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._selector.unregister(client.connection)
            client.connection.close()


def _explain(error: Exception) -> dict[str, Any]:
    if isinstance(error, OSError):
        where = error.filename if isinstance(error.filename, str) else ""
        return {"errno": error.errno, "what": error.strerror or str(error), "where": where}
    what = str(error) if isinstance(error, Refusal) else f"the keeper failed: {error!r}"
    return {"errno": 0, "what": what, "where": ""}
