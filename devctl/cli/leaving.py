"""The signals by which a person leaves a command that stays: each is raised once, and never lost.

Python drops an exception that a signal's handler raises where it falls into a callback, as every import has them; and a
second signal must not cut short what the first one brought about. So a signal is raised again until somebody has taken
it, and what comes while one is being dealt with waits for the next stretch of work that may be left.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_AGAIN_SECONDS = 1.0  # until a signal is raised again that was dropped: longer than it takes to tidy up after one


class LeaveSignals:
    """Handles SIGINT, SIGHUP and SIGTERM while entered; one that the caller of the command ignores stays ignored.

    `on_hangup` is called when the terminal is gone or somebody else asks this process to end.
    """

    def __init__(self, on_hangup: Callable[[], None]) -> None:
        self._on_hangup = on_hangup
        self._earlier: dict[int, Any] = {}
        self._may_raise = False
        self._waits = False  # a signal that nobody has taken yet

    def __enter__(self) -> LeaveSignals:
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._earlier[number] = signal.signal(number, self._ring)
        self._earlier[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._ring_again)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._earlier.items():
            signal.signal(number, handler)

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Raise KeyboardInterrupt in the body for a signal that comes now, or came since the last such body."""
        try:
            self._may_raise = True
            self._raise_waiting()
            yield
        finally:
            self._may_raise = self._waits = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, _: object) -> None:
        if number != signal.SIGINT:
            for hangup in (signal.SIGHUP, signal.SIGTERM):  # they come in pairs, and mean the same
                signal.signal(hangup, signal.SIG_IGN)
            self._on_hangup()
            if not self._may_raise:  # the command is being left already, and in order
                return
        is_first, self._waits = not self._waits, True
        if is_first:
            self._raise_waiting()

    def _ring_again(self, *_: object) -> None:
        self._raise_waiting()

    def _raise_waiting(self) -> None:
        if self._waits and self._may_raise:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
            raise KeyboardInterrupt
