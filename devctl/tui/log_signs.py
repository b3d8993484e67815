"""What the logs show from afar: which service wrote when, and how many error lines came. Looked at once a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from devctl.record.lines import may_show_level, severity
from devctl.record.logs import Query

if TYPE_CHECKING:
    from devctl.queries.pages import PageLine, Pager
    from devctl.tui.stack import Stack, Telemetry

Signs = dict[str, tuple[int, int]]
"""For each service that wrote: when last, and how many error lines."""
_ERROR = severity("error")
_HINTS = (b"err", b"fatal", b"crit", b"panic", b"traceback", b"severe", b"emerg", b"alert")


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
        for service, time_ns, errors in self._pager.signs(self._positions, count_errors):
            last, before = signs.get(service, (0, 0))
            signs[service] = (max(last, time_ns), before + errors)
        return signs


def count_errors(data: bytes, lines: Callable[[], list[PageLine]]) -> int:
    """Return how many of some lines are errors; most batches show at a glance that none is."""
    if not may_show_level(data):
        return 0
    lowered = data.lower()
    if not any(hint in lowered for hint in _HINTS):
        return 0
    return sum(severity(line.line.parsed.level) >= _ERROR for line in lines())
