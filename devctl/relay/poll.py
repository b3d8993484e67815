"""The relay's one loop: descriptors and timers in one thread.

epoll is called directly where there is one: the selectors module would cost as much per event as moving the bytes.
"""

from __future__ import annotations

import heapq
import itertools
import select
import selectors
import time
import traceback
from collections.abc import Callable

READ, WRITE = 1, 4  # EPOLLIN and EPOLLOUT; hang-ups and errors have other bits and come unasked
_EVENTS_AT_ONCE = 256
_SELECTOR_EVENTS = {READ: selectors.EVENT_READ, WRITE: selectors.EVENT_WRITE, READ | WRITE: 3}

Handler = Callable[[int], None]


class Timer:
    """A call that is due at a time of the monotonic clock, unless cancelled before."""

    __slots__ = ("call", "due", "is_cancelled")

    def __init__(self, due: float, call: Callable[[], None]) -> None:
        self.due = due
        self.call = call
        self.is_cancelled = False

    def cancel(self) -> None:
        """Never make the call."""
        self.is_cancelled = True


class Poller:
    """Calls the handler of each descriptor that is ready, and each timer that is due."""

    def __init__(self, *, portable: bool = False) -> None:
        self._handlers: dict[int, Handler] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self._backend = _Selector() if portable or not hasattr(select, "epoll") else select.epoll()

    def watch(self, fd: int, mask: int, handler: Handler) -> None:
        """Call `handler` with what is ready whenever one of `mask` is; 0 still reports hang-ups."""
        is_watched = fd in self._handlers
        self._handlers[fd] = handler
        if is_watched:
            self._backend.modify(fd, mask)
        else:
            self._backend.register(fd, mask)

    def rename(self, fd: int, handler: Handler) -> None:
        """Call another handler from now on, for the same readiness."""
        self._handlers[fd] = handler

    def forget(self, fd: int) -> None:
        """Report nothing more of `fd`; to be called before it is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._backend.unregister(fd)

    def closing(self, fd: int) -> None:
        """Drop the handler of a descriptor that is closed right after: the kernel forgets its readiness itself."""
        if self._handlers.pop(fd, None) is not None and isinstance(self._backend, _Selector):
            self._backend.unregister(fd)

    def at(self, due: float, call: Callable[[], None]) -> Timer:
        """Make `call` at `due`, a time of `time.monotonic()`."""
        timer = Timer(due, call)
        heapq.heappush(self._timers, (due, next(self._count), timer))
        return timer

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Make `call` in so many seconds."""
        return self.at(time.monotonic() + seconds, call)

    def turn(self) -> None:
        """Wait for something to be ready or due, and handle it."""
        handlers = self._handlers
        for fd, events in self._backend.poll(self._pause(), _EVENTS_AT_ONCE):
            handler = handlers.get(fd)
            if handler is not None:
                try:
                    handler(events)
                except Exception:  # one connection's mistake must not cost all others theirs
                    traceback.print_exc()
                    self.forget(fd)
        if self._timers:
            self._ring()

    def _pause(self) -> float:
        """Return how long to wait, -1 for ever: epoll rounds up to whole milliseconds by itself."""
        while self._timers and self._timers[0][2].is_cancelled:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else -1

    def _ring(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.is_cancelled:
                continue
            try:
                timer.call()
            except Exception:  # as above
                traceback.print_exc()


class _Selector:
    """What epoll does, by the selector of another system (kqueue on macOS)."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, fd: int, mask: int) -> None:
        if mask:
            self._selector.register(fd, _SELECTOR_EVENTS[mask])

    def modify(self, fd: int, mask: int) -> None:
        is_known = fd in self._selector.get_map()
        if is_known and mask:
            self._selector.modify(fd, _SELECTOR_EVENTS[mask])
        elif is_known:
            self._selector.unregister(fd)
        else:
            self.register(fd, mask)

    def unregister(self, fd: int) -> None:
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def poll(self, timeout: float, _most: int) -> list[tuple[int, int]]:
        ready = self._selector.select(None if timeout < 0 else timeout)
        return [(key.fd, (events & 1) * READ | (events >> 1) * WRITE) for key, events in ready]
