"""A time limit around a wait for the session, by the alarm signal; for the main thread."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class DeadlinePassed(Exception):
    """The time that was given is over."""


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Raise DeadlinePassed in the body after `seconds` (None: never); for the main thread."""
    if seconds is None:
        yield
        return

    def ring(*_: object) -> None:
        raise DeadlinePassed

    earlier = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
