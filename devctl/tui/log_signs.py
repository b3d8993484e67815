"""What the logs show from afar: which service wrote when, and how many error lines came. Looked at once a second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from devctl.record.lines import severity
from devctl.record.logs import Query

if TYPE_CHECKING:
    from devctl.queries.pages import Pager
    from devctl.record.batch import Batch
    from devctl.record.lines import Line
    from devctl.tui.stack import Stack, Telemetry

Signs = dict[str, tuple[int, int]]
"""For each service that wrote: when last, and how many error lines."""
_ERROR = severity("error")
_HINTS = (b"err", b"fatal", b"crit", b"panic", b"traceback", b"severe", b"emerg", b"alert",
          *(b'level":%s%d' % (gap, number) for gap in (b"", b" ") for number in (5, 6)))  # fmt: skip
"""What a line that is an error says somewhere, in lower case; the numbers are Bunyan's and Pino's. Each is looked for
by itself: an expression of all of them takes three times as long."""
MOST_LOOKED_AT = 1_000
"""So many lines are looked at each second and run; the sign at a service counts no further either."""


class LogSigns:
    """Reads what was written since the last time; begins with what comes from now on."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._telemetry: Telemetry | None = None
        self._pager: Pager | None = None
        self._positions: dict[str, int] = {}

    def fresh(self) -> Signs:
        """Return the signs of what was written since the last time."""
        if self._pager is None or self._telemetry is not self._stack.telemetry:
            is_first = self._telemetry is None
            self._telemetry = self._stack.telemetry
            self._pager = self._telemetry.pager(Query())
            self._positions = self._pager.ends() if is_first else {}
        signs: Signs = {}
        for service, time_ns, errors in self._pager.signs(self._positions, ErrorCounter()):
            last, before = signs.get(service, (0, 0))
            signs[service] = (max(last, time_ns), before + errors)
        return signs


class ErrorCounter:
    """Counts the lines of batches that are errors: of those that name one, and not more than `most` of these."""

    def __init__(self, most: int = MOST_LOOKED_AT) -> None:
        self._left = most

    def __call__(self, batch: Batch) -> int:
        return sum(severity(line.parsed.level) >= _ERROR for line in self._candidates(batch))

    def _candidates(self, batch: Batch) -> Iterator[Line]:
        data, at = batch.data, 0
        lowered = data.lower()
        nearest = {hint: lowered.find(hint) for hint in _HINTS}
        while self._left > 0 and (hint_at := _next(lowered, nearest, at)) >= 0:
            self._left -= 1
            start = data.rfind(b"\n", 0, hint_at) + 1
            at = data.index(b"\n", hint_at) + 1
            part = batch.pick([(batch.time_at(at - 1), start, at)])
            yield from part.lines() if part else ()


def _next(lowered: bytes, nearest: dict[bytes, int], start: int) -> int:
    """Return where the next hint is from `start` on, -1 for nowhere; `nearest` keeps where each was seen."""
    for hint, position in nearest.items():
        if 0 <= position < start:
            nearest[hint] = lowered.find(hint, start)
    return min((position for position in nearest.values() if position >= 0), default=-1)
