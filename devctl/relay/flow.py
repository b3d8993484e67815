"""One direction of a relayed connection: bytes from a source to a sink, never more in hand than one chunk.

A sink that does not take stops the reading of its source and nothing else. The end of the source's stream ends the
sink's half alone.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from devctl.relay.end import End

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.relay.connection import Connection
    from devctl.relay.shaper import Shaper

CHUNK_BYTES = 64 << 10
"""Measured: larger ones move a gigabyte no more than a tenth faster, and os.splice, which copies nothing, saves a
third of the CPU time of bulk transfers for four more descriptors a connection and no sight of HTTP."""

SCARCE_BYTES, SCARCE_CHUNK = 4 << 20, 4 << 10
"""With so many bytes in hand for slow sinks, chunks are small: a thousand more of them then hold 4 MiB."""


class Hold:
    """How many bytes all flows together have in hand."""

    __slots__ = ("chunk_bytes", "held")

    def __init__(self) -> None:
        self.held = 0
        self.chunk_bytes = CHUNK_BYTES

    def add(self, count: int) -> None:
        """Count bytes that were taken in hand, or, where negative, let go."""
        self.held += count
        self.chunk_bytes = CHUNK_BYTES if self.held < SCARCE_BYTES else SCARCE_CHUNK

    @property
    def is_scarce(self) -> bool:
        """Whether there is little room left."""
        return self.held >= SCARCE_BYTES


class Flow:
    """Moves bytes from `source` to `sink`. `observe` sees each chunk and returns what shall be passed on."""

    __slots__ = (
        "connection", "hold", "is_done", "is_ended", "moved", "observe", "pending", "shaper", "sink", "source",
    )  # fmt: skip

    def __init__(self, connection: Connection, hold: Hold, observe: Callable[[bytes], bytes]) -> None:
        self.connection = connection
        self.hold = hold
        self.observe = observe
        self.source: End
        self.sink: End
        self.pending = b""
        self.moved = 0
        self.is_ended = False  # the source has sent its last byte
        self.is_done = False  # and the sink was told
        self.shaper: Shaper | None = None

    def read(self, _events: int = 0) -> None:
        """Take what the source has and pass it on."""
        try:
            chunk = self.source.sock.recv(self.hold.chunk_bytes)
        except BlockingIOError:
            return
        except OSError:
            self.connection.close(reset=True)
            return
        if not chunk:
            self._end()
            return
        self.moved += len(chunk)
        chunk = self.observe(chunk)
        if self.shaper is None:
            self.send(chunk)
        else:
            self.shaper.take(chunk)
        if self.connection.is_leaving:
            self.connection.leave()

    def send(self, chunk: bytes) -> None:
        """Give the sink a chunk; what it does not take waits, and so does the source."""
        try:
            sent = self.sink.sock.send(chunk)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._sink_broke()
            return
        if sent != len(chunk):
            self._keep(chunk[sent:])

    def flush(self) -> None:
        """Give the sink what it did not take before."""
        rest, self.pending = self.pending, b""
        self.hold.add(-len(rest))
        self.send(rest)
        if self.pending or self.is_done:
            return
        self.sink.writes = False
        self.sink.update()
        if self.shaper is not None:
            self.shaper.release()
        elif self.is_ended:
            self.finish()
        else:
            self.resume()

    def finish(self) -> None:
        """Tell the sink that nothing more comes."""
        self.is_done = True
        if self.connection.is_over:
            self.connection.close()
            return
        try:
            self.sink.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.connection.close(reset=True)

    def pause(self) -> None:
        """Read nothing more until `resume`."""
        self.source.reads = False
        self.source.update()

    def resume(self) -> None:
        """Read again, unless the stream has ended or the sink does not take."""
        if not (self.is_ended or self.is_done or self.pending):
            self.source.reads = True
            self.source.update()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way and nothing has ended."""
        return not (self.pending or self.is_ended or self.is_done or (self.shaper and self.shaper.queued))

    def drop(self) -> None:
        """Forget what is in hand."""
        self.hold.add(-len(self.pending))
        self.pending = b""
        if self.shaper:
            self.shaper.drop()

    def _end(self) -> None:
        self.is_ended = True
        self.pause()
        if self.shaper is not None:
            self.shaper.end()
        elif not self.pending:
            self.finish()

    def _keep(self, rest: bytes) -> None:
        self.pending = rest
        self.hold.add(len(rest))
        self.source.reads = False
        self.source.update()
        self.sink.writes = True
        self.sink.update()

    def _sink_broke(self) -> None:
        """Go on in the other direction alone: what the sink still had to say is read first, as without a relay."""
        self.drop()
        self.is_ended = self.is_done = True
        self.pause()
        self.sink.writes = False
        self.sink.update()
        if self.connection.is_over:
            self.connection.close(reset=True)
