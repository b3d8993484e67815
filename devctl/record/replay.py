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


def read_life(run: Run) -> State:
    """Return what the event log says of a run as a whole, and of no service: its id, its boot, whether it was ended.

    A tenth of the work of `read_state`: whoever begins a run asks this of the one before.
    """
    state = State()
    for body in store.events(run):
        if body.get("type") in _OF_THE_RUN and (event := happened.from_json(body)):
            state = apply(state, event)
    return state


_OF_THE_RUN = {
    name for name, kind in happened.KINDS.items() if kind in (happened.RunBegan, happened.RunEnded, happened.StateKept)
}
