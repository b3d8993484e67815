"""What the files of a run amount to: the specification that was in force last, and the state after its events."""

import json
from collections.abc import Iterator

from devctl.core import events as happened
from devctl.core.events import Event
from devctl.core.spec import Spec, from_json
from devctl.core.state import State
from devctl.core.transitions import apply
from devctl.record import store
from devctl.record.store import Run


def read_spec(run: Run) -> Spec | None:
    """Return the specification that a run had in force last, None when it cannot be read."""
    try:
        return from_json(Spec, json.loads(run.spec_file.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_events(run: Run) -> Iterator[Event]:
    """Yield the events of a run, oldest first; what another version wrote and this one cannot read is passed over."""
    for body in store.events(run):
        if event := happened.from_json(body):
            yield event


def read_state(run: Run) -> State:
    """Return the state after all events of a run."""
    state = State()
    for event in read_events(run):
        state = apply(state, event)
    return state
