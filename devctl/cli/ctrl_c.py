"""Ctrl-C that is never lost: Python drops the exception where it falls into a callback, as every import has them,
so it is also remembered, to be raised at the next look.

Imports nothing but the built-in part of `signal`: what is imported before `listen` could lose one.
"""

import _signal  # type: ignore[import-not-found]  # built in, and without a stub


class Interrupts:
    """The Ctrl-C of this process: raised at once, after a piece of work that must not be cut in two, or late."""

    def __init__(self) -> None:
        self._is_pending = False
        self._is_held = False

    def listen(self) -> None:
        """Handle Ctrl-C for the rest of this process, unless its caller ignores it (`nohup`, `&` in a script)."""
        if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
            _signal.signal(_signal.SIGINT, self._ring)

    def look(self) -> None:
        """Raise KeyboardInterrupt when there was one that came to nothing."""
        if self._is_pending:
            self._is_pending = False
            raise KeyboardInterrupt

    def __enter__(self) -> None:
        """Defer Ctrl-C until the end of the body."""
        self._is_held = True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_held = False
        if kind is None:
            self.look()

    def _ring(self, *_: object) -> None:
        self._is_pending = True
        if not self._is_held:
            raise KeyboardInterrupt


INTERRUPTS = Interrupts()
"""There is one Ctrl-C for the whole process, and so one of these."""
