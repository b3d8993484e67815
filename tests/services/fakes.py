"""A clock that is set by hand, and ids that count."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


def counting_ids(prefix: str = "id") -> Callable[[], str]:
    """Return a maker of ids that count up."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}-{next(numbers):03d}"
