"""One question to an engine over its socket, by the standard library alone: for what must be quick and light."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

from devctl.engine.base import Address

ANSWER_SECONDS = 5.0
"""An engine answers within milliseconds; one that takes this long counts as hung, so that a fall-back comes soon."""
PATIENT_SECONDS = 30.0
"""The same where nothing can be fallen back to: on a machine under load an engine takes seconds to describe itself."""


class NotAnEngine(OSError):
    """Something answers there, but no container engine."""


class EngineConnection(http.client.HTTPConnection):
    """An HTTP connection to an engine, also over its Unix socket."""

    def __init__(self, address: Address, timeout: float = ANSWER_SECONDS) -> None:
        parts = urlsplit(address.url)
        super().__init__(parts.hostname or "localhost", parts.port or 2375, timeout=timeout)  # 2375: the engine's own
        self._socket_path = address.socket_path

    def connect(self) -> None:
        """Connect to the Unix socket, or to the port."""
        if not self._socket_path:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._socket_path)


def ask(address: Address, path: str, timeout: float = ANSWER_SECONDS) -> Any:
    """Return what the engine answers to a GET; OSError says why there is no answer."""
    with contextlib.closing(EngineConnection(address, timeout)) as connection:
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            if response.status != http.client.OK:
                raise NotAnEngine(f"it answers {path} with {response.status}")
            return json.loads(body)
        except (http.client.HTTPException, ValueError) as error:
            raise NotAnEngine("what answers there is no container engine") from error


def ask_patiently(address: Address, path: str) -> Any:
    """Return what an engine answers that is known to be there."""
    return ask(address, path, PATIENT_SECONDS)
