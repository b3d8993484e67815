"""A time limit around one call of a session, in any thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Cancellable(Protocol):
        """What can be told by another thread to end the call that is under way."""

        def cancel(self) -> None: ...


class TimeIsOver(Exception):
    """The call did not end within its time."""


@contextmanager
def time_limit(client: Cancellable, seconds: float | None) -> Iterator[None]:
    """Cancel the call in the body after `seconds` (None: never) and raise TimeIsOver; what it asked for goes on."""
    if seconds is None:
        yield
        return
    import threading

    from devctl.session.client import CallCancelled

    timer = threading.Timer(seconds, client.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    except CallCancelled:
        raise TimeIsOver from None
    finally:
        timer.cancel()
