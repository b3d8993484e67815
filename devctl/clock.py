"""The two clocks of devctl, handed in as one object so that tests can turn them by hand; and how times are written."""

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


def rfc3339(time_ns: int) -> str:
    """Return wall time as RFC 3339 in UTC with microseconds."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:06d}Z"
