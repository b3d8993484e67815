"""The bytes of a session's connection: lines in, lines out, and what is done when a supervisor is silent for long.

Standard library only: every command pays for this module.
"""

from __future__ import annotations

import contextlib
import socket
import struct

from devctl.keeper.system import peer_pid
from devctl.machine import stopped

_CHUNK_BYTES = 1 << 16


class Stream:
    """One connection to a supervisor."""

    def __init__(self, connection: socket.socket, silence_seconds: float = stopped.SILENCE_SECONDS) -> None:
        self._connection = connection
        self._buffer = bytearray()
        timeout = struct.pack("ll", int(silence_seconds), int(silence_seconds % 1 * 1_000_000))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # a call may take long: this only says when to look
            connection.setsockopt(socket.SOL_SOCKET, option, timeout)

    def read_line(self, *, patiently: bool = False) -> bytes:
        """Return the next line, empty when the other side hung up; EnvironmentProblem when that is stopped, unless
        the caller waits `patiently`."""
        looked = 0
        while (end := self._buffer.find(b"\n", looked) + 1) == 0:
            looked = len(self._buffer)
            try:
                received = self._connection.recv(_CHUNK_BYTES)
            except BlockingIOError:
                if not patiently:
                    self._refuse_stopped()
                continue
            if not received:
                return b""
            self._buffer += received
        line = bytes(self._buffer[:end])
        del self._buffer[:end]
        return line

    def write(self, text: bytes) -> None:
        """Send all of `text`; EnvironmentProblem when the other side is stopped."""
        left = memoryview(text)
        while left:
            try:
                left = left[self._connection.send(left) :]
            except BlockingIOError:
                self._refuse_stopped()

    def shut(self) -> None:
        """Have whoever reads in another thread come to an end."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _refuse_stopped(self) -> None:
        pid = peer_pid(self._connection)
        if pid and stopped.is_stopped(pid):
            raise stopped.problem("supervisor", pid)
