"""What happened in a run: the newest events of its log."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core import events as happened
from devctl.core.events import Event
from devctl.record import store
from devctl.record.store import Run

_EVENT_BYTES = 4 << 20
"""The end of the event log that is read: some ten thousand events."""


def newest_events(run: Run) -> Iterator[Event]:
    """Yield the newest events of a run, oldest first."""
    for body in store.events(run, last_bytes=_EVENT_BYTES):
        if event := happened.from_json(body):
            yield event
