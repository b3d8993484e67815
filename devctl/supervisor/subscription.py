"""What one stream is sent of the loop's changes and of downloads, in order.

A stream of `watch` gets every event; one that accompanies a change gets what a progress display shows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from devctl.core import events as happened
from devctl.supervisor.listeners import Change
from devctl.supervisor.loop import Loop
from devctl.supervisor.server import Send
from devctl.views.snapshot import StackSnapshot
from devctl.views.status import service_view

_QUEUED_ITEMS = 10_000  # some minutes of a busy stack; a reader that far behind will not catch up

Item = dict[str, Any]


def snapshot_of(loop: Loop) -> StackSnapshot:
    """Return what views are made from, as of now."""
    return StackSnapshot(loop.spec, loop.graph, loop.state, loop.statuses)


class Subscription:
    """The items of one stream; a reader that falls far behind is dropped instead of slowing the rest."""

    def __init__(self, *, events: bool) -> None:
        self._events = events
        self._items: asyncio.Queue[Item] = asyncio.Queue(_QUEUED_ITEMS)
        self._is_behind = False

    def put(self, item: Item) -> None:
        """Hand in an item, without waiting."""
        try:
            self._items.put_nowait(item)
        except asyncio.QueueFull:
            self._is_behind = True

    def put_change(self, change: Change, loop: Loop) -> None:
        """Hand in what this stream is sent of a change."""
        for item in items_of(change, snapshot_of(loop), events=self._events):
            self.put(item)

    async def pump(self, send: Send) -> None:
        """Send what is handed in, until cancelled or behind."""
        while not self._is_behind:
            await send(await self._items.get())
        raise ConnectionAbortedError("the reader is too slow")

    @contextlib.asynccontextmanager
    async def sent_to(self, send: Send) -> AsyncIterator[None]:
        """Send what is handed in while this is entered; on the way out, what has been handed in by then."""
        pumping = asyncio.get_running_loop().create_task(self.pump(send))
        try:
            yield
        finally:
            pumping.cancel()
        while not self._items.empty():
            await send(self._items.get_nowait())


def items_of(change: Change, snapshot: StackSnapshot, *, events: bool) -> list[Item]:
    """Return a change as items of a stream, the events themselves only with `events`."""
    items: list[Item] = []
    if events:
        items += [{"event": happened.to_json(event)} for event in change.events]
    items += [{"notice": e.text} for e in change.events if isinstance(e, happened.Notice)]
    if change.names:
        shown = [n for n in change.names if n in snapshot.state.services or n in snapshot.spec.services]
        items.append({"services": [service_view(snapshot, name) for name in sorted(shown)]})
    return items


class Subscriptions:
    """All streams that are open."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._open: set[Subscription] = set()
        loop.listeners.add(self._on_change)

    @contextlib.contextmanager
    def subscribed(self, *, events: bool) -> Iterator[Subscription]:
        """Subscribe to everything from now on, for as long as this is entered."""
        subscription = Subscription(events=events)
        self._open.add(subscription)
        try:
            yield subscription
        finally:
            self._open.discard(subscription)

    def on_progress(self, item: Item) -> None:
        """Pass the progress of a download on to every stream."""
        shape = {"service": "", "tool": "", "source": "", "stage": "", "bytes": 0, "total": 0}
        for subscription in self._open:
            subscription.put({"progress": {**shape, **item}})

    def _on_change(self, change: Change) -> None:
        for subscription in self._open:
            subscription.put_change(change, self._loop)
