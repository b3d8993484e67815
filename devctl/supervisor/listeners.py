"""Who is notified after each batch of the loop: listeners of every change, and those who wait for one thing to hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from devctl.core.events import Event
from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """What happened in a batch, and the services whose state or derived status is another since."""

    events: tuple[Event, ...]
    names: frozenset[str]


Listener = Callable[[Change], None]


class Listeners:
    """Listeners are called in the order in which they were added; one may remove itself while it is called."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def add(self, listener: Listener) -> None:
        """Notify `listener` from now on."""
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Notify `listener` no more."""
        self._listeners.remove(listener)

    def notify(self, change: Change) -> None:
        """Call every listener, then let go on whoever waits for what now holds."""
        for listener in tuple(self._listeners):
            listener(change)
        for waiter in tuple(self._waiters):
            holds, reached = waiter
            if not reached.done() and holds():
                reached.set_result(None)
                self._waiters.remove(waiter)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once `holds()`, which is asked now and after each batch."""
        if holds():
            return
        reached = asyncio.get_running_loop().create_future()
        waiter = (holds, reached)
        self._waiters.append(waiter)
        try:
            await reached
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
