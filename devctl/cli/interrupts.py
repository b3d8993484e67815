"""What may interrupt a command, held in check: a time limit, and Ctrl-C at a moment that must not be cut in two.

For the main thread.
"""

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


class Interrupts:
    """Ctrl-C that is not lost: Python drops the exception where it falls into a callback (as imports have them), so
    it is also remembered, to be raised again at the next look."""

    def __init__(self) -> None:
        self._pending = False
        self._held = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen within the body."""
        earlier = signal.signal(signal.SIGINT, self._ring)
        try:
            yield
            self.look()
        finally:
            signal.signal(signal.SIGINT, earlier)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let Ctrl-C take effect only after the body."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self.look()

    def look(self) -> None:
        """Raise KeyboardInterrupt when there was one that came to nothing."""
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt

    def _ring(self, *_: object) -> None:
        self._pending = True
        if not self._held:
            raise KeyboardInterrupt
