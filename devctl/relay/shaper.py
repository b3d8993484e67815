"""What faults do to one direction of one connection: chunks wait, trickle, vanish; the end comes late.

A chunk's delay begins when it arrives, and chunks keep their order, as in Toxiproxy.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from random import Random

from devctl.core.faults import Fault, FaultKind, Stream
from devctl.relay.poll import Poller, Timer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.relay.flow import Flow

_MOST_QUEUED, _SCARCE_QUEUED = 256 << 10, 16 << 10  # bytes that wait in one direction, and while room is scarce
_PIECE_SECONDS = 0.1  # with a bandwidth, pieces are so small that one comes at least this often, as in Toxiproxy


class ActiveFault:
    """A fault in force, with its own sequence of chance: the same seed decides the same."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._rng = Random(fault.seed)  # noqa: S311  chance that can be repeated

    @property
    def name(self) -> str:
        return self.fault.name

    @property
    def kind(self) -> FaultKind:
        return self.fault.kind

    @property
    def stream(self) -> Stream:
        return self.fault.stream

    def draws(self) -> bool:
        """Decide for one connection whether it is touched."""
        return self._rng.random() < self.fault.toxicity

    def delay(self) -> float:
        """Return the seconds that one chunk waits."""
        jitter = self.fault.jitter
        milliseconds = self.fault.milliseconds + (self._rng.uniform(-jitter, jitter) if jitter else 0.0)
        return max(0.0, milliseconds / 1000)


class Shaper:
    """The faults of one flow and the chunks that wait for them."""

    def __init__(self, flow: Flow, poller: Poller, faults: Sequence[ActiveFault]) -> None:
        self._flow = flow
        self._poller = poller
        self._queue: deque[tuple[float, bytes]] = deque()
        self._last_due = 0.0
        self._free_at = 0.0
        self._timer: Timer | None = None
        self._cut: Timer | None = None
        self._faults: Sequence[ActiveFault] = ()
        self.queued = 0
        self.change(faults)

    def change(self, faults: Sequence[ActiveFault]) -> None:
        """Work by these faults from now on. Connections under a timeout that was taken away are closed: bytes of
        them have vanished."""
        was_silenced = self._is_silenced
        self._faults = faults
        if was_silenced and not self._is_silenced:
            self._flow.connection.close()
            return
        if self._is_silenced and not was_silenced:
            self._plan_cut()
        if not faults:
            self._queue = deque((0.0, chunk) for _, chunk in self._queue)
            self._last_due = self._free_at = 0.0
        self.release()

    def take(self, chunk: bytes) -> None:
        """Have a chunk of the source, to be passed on when it is due."""
        if self._is_silenced:
            return
        now = time.monotonic()
        delay = sum(fault.delay() for fault in self._faults if fault.kind is FaultKind.LATENCY)
        for piece, seconds in self._pieces(chunk):
            self._free_at = max(self._free_at, now) + seconds
            self._last_due = max(self._last_due, now + delay, self._free_at + delay)
            self._add(self._last_due, piece)
        if self.queued >= (_SCARCE_QUEUED if self._flow.hold.is_scarce else _MOST_QUEUED):
            self._flow.pause()
        self.release()

    def end(self) -> None:
        """Have the end of the source's stream, which an empty chunk stands for."""
        if self._is_silenced:
            return
        late = max((f.delay() for f in self._faults if f.kind is FaultKind.SLOW_CLOSE), default=0.0)
        self._last_due = max(self._last_due, time.monotonic() + late)
        self._add(self._last_due, b"")
        self.release()

    def release(self) -> None:
        """Pass on what is due, as far as the sink takes it, and wake up for the rest."""
        flow, now = self._flow, time.monotonic()
        while self._queue and self._queue[0][0] <= now and not flow.pending and not flow.is_done:
            _, chunk = self._queue.popleft()
            self.queued -= len(chunk)
            flow.hold.add(-len(chunk))
            if chunk:
                flow.send(chunk)
            else:
                flow.finish()
        self._plan()
        if not self._faults and not self._queue:
            flow.shaper = None
        if flow.connection.server is not None and self.queued < _SCARCE_QUEUED and not flow.source.reads:
            flow.resume()

    def drop(self) -> None:
        """Forget everything that waits."""
        self._flow.hold.add(-self.queued)
        self._queue.clear()
        self.queued = 0
        for timer in (self._timer, self._cut):
            if timer:
                timer.cancel()
        self._timer = self._cut = None

    @property
    def _is_silenced(self) -> bool:
        return any(fault.kind is FaultKind.TIMEOUT for fault in self._faults)

    def _pieces(self, chunk: bytes) -> list[tuple[bytes, float]]:
        """Return a chunk in pieces, each with the seconds that it takes on the wire."""
        rate = min((f.fault.rate * 1000 for f in self._faults if f.kind is FaultKind.BANDWIDTH), default=0.0)
        if not rate:
            return [(chunk, 0.0)]
        size = max(1, int(rate * _PIECE_SECONDS))
        pieces = (chunk[start : start + size] for start in range(0, len(chunk), size))
        return [(piece, len(piece) / rate) for piece in pieces]

    def _add(self, due: float, chunk: bytes) -> None:
        self._queue.append((due, chunk))
        self.queued += len(chunk)
        self._flow.hold.add(len(chunk))

    def _plan(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._queue and not self._flow.pending:
            self._timer = self._poller.at(self._queue[0][0], self.release)

    def _plan_cut(self) -> None:
        """Close the connection when the timeout is over; one of zero never is."""
        milliseconds = [f.fault.milliseconds for f in self._faults if f.kind is FaultKind.TIMEOUT]
        if all(milliseconds):
            self._cut = self._poller.after(min(milliseconds) / 1000, self._flow.connection.close)
