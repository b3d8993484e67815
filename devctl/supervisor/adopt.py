"""Takes a stack back: rebuilds its state from the keeper and the record, and tells what became of it meanwhile."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping

from devctl.core import events as happened
from devctl.core.events import Event
from devctl.core.spec import Spec, from_json, to_json
from devctl.core.state import Instance, State
from devctl.core.status import Status
from devctl.record import replay, store
from devctl.record.store import Run
from devctl.runners.base import Exit, Identity
from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """What an earlier supervisor left: a run that was not ended, and the last state of it that was kept."""

    run: Run
    spec: Spec
    state: State


def find_previous_run(run: Run | None, snapshot: bytes, boot: str) -> PreviousRun | None:
    """Return what is left of `run`, from its event log or from the `snapshot` where that knows more.

    None when there is nothing to take back: no run, one that was ended, or one of an earlier boot.
    """
    if run is None:
        return None
    state = max(replay.read_state(run), _from_snapshot(snapshot, run.id), key=lambda state: state.count)
    spec = replay.read_spec(run)
    if spec is None or state.run != run.id or state.ended or state.boot != boot:
        return None
    return PreviousRun(run, spec, state)


def is_over(run: Run, boot: str) -> bool:
    """Tell whether the event log of `run` says that nothing of it can live: it was ended, or in an earlier boot."""
    if store.was_ended(run):
        return True
    state = replay.read_state(run)
    return state.ended or (bool(state.boot) and state.boot != boot)


def take_snapshot(state: State) -> bytes:
    """Return `state` as bytes for the keeper to hold."""
    return json.dumps(to_json(state)).encode()


def _from_snapshot(snapshot: bytes, run: str) -> State:
    if snapshot:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # of another version, or cut
            state = from_json(State, json.loads(snapshot))
            return state if state.run == run else State()
    return State()


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of the instances that the state holds for alive; `unknown` ones live and no state tells of them."""

    messages: tuple[Event | Exit, ...]
    adopted: int
    unfinished_stops: tuple[Instance, ...]
    unknown: tuple[str, ...]


MakeStarted = Callable[[str, Identity], Event]
"""Makes the event that an instance of a service lives."""


def compare(
    expected: Iterable[Instance], living: Mapping[str, Identity], ends: Iterable[Exit], make_started: MakeStarted
) -> Difference:
    """Return what to post so that the state is again what is: of the instances `expected` alive, those `living`,
    and the `ends` that were learned."""
    expected = list(expected)
    ended = {end.instance: end for end in ends}
    messages = [m for i in expected if (m := _what_became(i, living.get(i.id), ended.get(i.id), make_started))]
    ids = {i.id for i in expected}
    return Difference(
        tuple(messages),
        adopted=sum(1 for i in expected if i.id in living and i.pid == living[i.id].pid),
        unfinished_stops=tuple(i for i in expected if i.status is Status.STOPPING and i.id in living),
        unknown=tuple(instance for instance in living if instance not in ids),
    )


def _what_became(
    instance: Instance, identity: Identity | None, end: Exit | None, make_started: MakeStarted
) -> Event | Exit | None:
    if identity is not None:
        return None if identity.pid == instance.pid else make_started(instance.service, identity)
    if instance.status is Status.STOPPING:
        return happened.InstanceStopped(instance.id, instance.service, end.code if end else None)
    if not instance.pid:  # its spawn was ordered and never came to be
        return happened.InstanceStopped(instance.id, instance.service)
    return end or Exit(instance.id, instance.pid, None, 0)


def identity_of(instance: Instance, boot: str) -> Identity:
    """Return the identity that the state has of a living instance."""
    return Identity(instance.id, instance.pid, instance.start_ticks, instance.started_ns, instance.container, boot)
