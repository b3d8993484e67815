"""Takes a stack back: rebuilds its state from the keeper and the record, and finds out what lives of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from devctl.core import events as happened
from devctl.core.events import Event
from devctl.core.spec import Spec, from_json, to_json
from devctl.core.state import Instance, State, apply
from devctl.core.status import Status
from devctl.record import store
from devctl.record.store import Run
from devctl.runners.base import Exit, Identity


@dataclass(frozen=True, slots=True)
class Left:
    """What an earlier supervisor left: a run that was not ended, as far as it is known."""

    run: Run
    spec: Spec
    state: State


def left_behind(run: Run | None, snapshot: bytes, boot: str) -> Left | None:
    """Return what is left of `run`, from its history or from the `snapshot` where that knows more.

    None when there is nothing to take back: no run, one that was ended, or one of an earlier boot.
    """
    if run is None:
        return None
    state = max(_from_history(run), _from_snapshot(snapshot, run.id), key=lambda state: state.count)
    spec = read_spec(run)
    if spec is None or state.run != run.id or state.ended or state.boot != boot:
        return None
    return Left(run, spec, state)


def is_over(run: Run, boot: str) -> bool:
    """Tell whether the history of `run` says that nothing of it can live: it was ended, or in an earlier boot."""
    state = _from_history(run)
    return state.ended or (bool(state.boot) and state.boot != boot)


def _from_history(run: Run) -> State:
    state = State()
    for body in store.events(run):
        event = happened.from_json(body)
        state = apply(state, event) if event else state
    return state


def take_snapshot(state: State) -> bytes:
    """Return `state` as bytes for the keeper to hold."""
    return json.dumps(to_json(state)).encode()


def _from_snapshot(snapshot: bytes, run: str) -> State:
    if snapshot:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # of another version, or cut
            state = from_json(State, json.loads(snapshot))
            return state if state.run == run else State()
    return State()


def read_spec(run: Run) -> Spec | None:
    """Return the specification that a run had in force last, None when it cannot be read."""
    try:
        return from_json(Spec, json.loads(run.spec_file.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the instances that the state holds for alive."""

    messages: tuple[Event | Exit, ...]
    adopted: int
    unfinished_stops: tuple[Instance, ...]
    strangers: tuple[str, ...]


Started = Callable[[str, Identity], Event]
"""Makes the event that an instance of a service lives."""


def compare(known: Iterable[Instance], living: Mapping[str, Identity], ends: Iterable[Exit], started: Started) -> Found:
    """Return what to post so that the state is again what is: of `known` instances that it holds for alive,
    those `living`, and the `ends` that were learned."""
    known = list(known)
    ended = {end.instance: end for end in ends}
    messages = [m for i in known if (m := _what_became(i, living.get(i.id), ended.get(i.id), started))]
    names = {i.id for i in known}
    return Found(
        tuple(messages),
        adopted=sum(1 for i in known if i.id in living and i.pid == living[i.id].pid),
        unfinished_stops=tuple(i for i in known if i.status is Status.STOPPING and i.id in living),
        strangers=tuple(instance for instance in living if instance not in names),
    )


def _what_became(
    instance: Instance, identity: Identity | None, end: Exit | None, started: Started
) -> Event | Exit | None:
    if identity is not None:
        return None if identity.pid == instance.pid else started(instance.service, identity)
    if instance.status is Status.STOPPING:
        return happened.InstanceStopped(instance.id, instance.service, end.code if end else None)
    if not instance.pid:  # its spawn was ordered and never came to be
        return happened.InstanceStopped(instance.id, instance.service)
    return end or Exit(instance.id, instance.pid, None, 0)


def identity_of(instance: Instance, boot: str) -> Identity:
    """Return the identity that the state knows of a living instance."""
    return Identity(instance.id, instance.pid, instance.start_ticks, instance.started_ns, instance.container, boot)
