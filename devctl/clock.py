"""The two clocks of devctl, handed in as one object so that tests can turn them by hand."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tell wall time (for people and records) and monotonic time (for every delay)."""

    def now_ns(self) -> int:
        """Return wall time in nanoseconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()
