"""A circuit breaker and a retry budget: two counters that keep a failing upstream from getting more load."""

import enum
import random
import time
from collections.abc import Callable

Seconds = Callable[[], float]


class State(enum.IntEnum):
    """What a breaker does with the next call; the number is what its metric shows."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """Opens after failures in a row, lets one call through after a pause, closes when that succeeds."""

    def __init__(self, failures: int = 8, pause_seconds: float = 1.0, now: Seconds = time.monotonic) -> None:
        self._limit, self._pause_seconds, self._now = failures, pause_seconds, now
        self._failures = 0
        self._opened_at = 0.0
        self._trial_at = float("-inf")
        self._pause = pause_seconds

    @property
    def state(self) -> State:
        """Return what the breaker would do now."""
        if self._failures < self._limit:
            return State.CLOSED
        return State.HALF_OPEN if self._now() - self._opened_at >= self._pause else State.OPEN

    def allows(self) -> bool:
        """Say whether a call may go out; in the half-open state only one at a time may."""
        state = self.state
        if state is not State.HALF_OPEN:
            return state is State.CLOSED
        if self._now() - self._trial_at < self._pause_seconds:
            return False
        self._trial_at = self._now()
        return True

    def succeeded(self) -> None:
        """Record that a call was answered."""
        self._failures = 0
        self._trial_at = float("-inf")

    def failed(self) -> None:
        """Record that a call was not answered, or with an error of the server."""
        self._failures += 1
        if self._failures >= self._limit:
            self._opened_at = self._now()
            self._trial_at = float("-inf")
            self._pause = self._pause_seconds * random.uniform(0.8, 1.2)  # noqa: S311


class RetryBudget:
    """Allows retries up to a share of the calls, and a few per second where there are hardly any."""

    def __init__(self, share: float = 0.2, per_second: float = 2.0, now: Seconds = time.monotonic) -> None:
        self._share, self._per_second, self._now = share, per_second, now
        self._tokens = self._most = 10.0
        self._last = now()

    def called(self) -> None:
        """Record a first call: it earns a share of a retry."""
        self._tokens = min(self._most, self._tokens + self._share)

    def take(self) -> bool:
        """Say whether one retry may be made, and count it."""
        now = self._now()
        self._tokens = min(self._most, self._tokens + (now - self._last) * self._per_second)
        self._last = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
