"""Ctrl-C that is never lost: Python drops the exception where it falls into a callback, as every import has them,
so it is also remembered, to be raised at the next look. A closed terminal and a request to end are taken as Ctrl-C:
whatever a command holds is let go in order.

Imports nothing but what is built in: what is imported before `listen` could lose one.
"""

import _signal  # type: ignore[import-not-found]  # built in, and without a stub
import posix


class Interrupts:
    """SIGINT, SIGTERM and SIGHUP of this process: raised at once, after work that must not be cut in two, or late."""

    def __init__(self) -> None:
        self._is_pending = False
        self._is_held = False

    def listen(self) -> None:
        """Handle them for the rest of this process, each unless its caller ignores it (`nohup`, `&` in a script)."""
        for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
            if _signal.getsignal(number) != _signal.SIG_IGN:
                _signal.signal(number, self._ring)

    def look(self) -> None:
        """Raise KeyboardInterrupt when there was a signal that came to nothing."""
        if self._is_pending:
            self._is_pending = False
            raise KeyboardInterrupt

    def __enter__(self) -> None:
        """Defer signals until the end of the body."""
        self._is_held = True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_held = False
        if kind is None:
            self.look()

    def _ring(self, number: int, _: object) -> None:
        if number == _signal.SIGHUP:
            _turn_output_away()
        self._is_pending = True
        if not self._is_held:
            raise KeyboardInterrupt


def _turn_output_away() -> None:
    """Let what is still said come to nothing: the terminal is gone, and writing to it would be an error."""
    nowhere = posix.open("/dev/null", posix.O_WRONLY)
    for descriptor in (1, 2):
        if posix.isatty(descriptor):
            posix.dup2(nowhere, descriptor)
    posix.close(nowhere)


INTERRUPTS = Interrupts()
"""The signals are those of the whole process, and so there is one of these."""
