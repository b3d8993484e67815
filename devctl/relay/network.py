"""Sockets of the relay for containers: one Unix socket for each address, in a folder that is mounted there.

A container cannot reach what listens on this machine's loopback; a folder it can be given.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable

_BACKLOG = 128


class NetworkSockets:
    """Listens on FOLDER/NUMBER.sock for each number. `watch` takes a new listener, `forget` one that is closed."""

    def __init__(self, watch: Callable[[socket.socket, int], None], forget: Callable[[socket.socket], None]) -> None:
        self._watch = watch
        self._forget = forget
        self._listeners: dict[str, socket.socket] = {}

    def follow(self, folder: str, numbers: Iterable[int]) -> None:
        """Listen for these numbers and no others; without a folder for none."""
        paths = {f"{folder}/{number}.sock": number for number in numbers} if folder else {}
        for path in self._listeners.keys() - paths.keys():
            listener = self._listeners.pop(path)
            self._forget(listener)
            listener.close()
            with contextlib.suppress(OSError):
                os.unlink(path)
        for path in [path for path in paths if path not in self._listeners]:
            try:
                self._listeners[path] = listener = _listen(path)
            except OSError as error:
                print(f"{path}: {error.strerror}", flush=True)
                continue
            self._watch(listener, paths[path])


def _listen(path: str) -> socket.socket:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
