"""What happened in a run: the newest events of its log."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core import events as happened
from devctl.core.events import Event
from devctl.record.store import Run

_EVENT_BYTES = 4 << 20
"""The end of the event log that is read: some ten thousand events."""


def newest_events(run: Run) -> Iterator[Event]:
    """Yield the newest events of a run, oldest first."""
    import json

    try:
        with open(run.events_file, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - _EVENT_BYTES, 0))
            lines = file.read().split(b"\n")
    except OSError:
        return
    for line in lines[1 if size > _EVENT_BYTES else 0 :]:
        try:
            body = json.loads(line)
        except ValueError:
            continue
        if isinstance(body, dict) and (event := happened.from_json(body)):
            yield event
