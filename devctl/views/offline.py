"""Answers from the record where no supervisor runs: how the last run stood, and why it failed. Starts nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from devctl.clock import SystemClock
from devctl.core import events as happened
from devctl.core.events import Event, Goal
from devctl.core.plan import Up, check_names, plan_up
from devctl.core.spec import Spec
from devctl.core.state import State, apply
from devctl.diagnosis import causes
from devctl.paths import StackPaths
from devctl.record import store
from devctl.record.store import Run
from devctl.session.protocol import StatusView, StepView, WhyView
from devctl.supervisor.adopt import read_spec
from devctl.views import status as views


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run on disk. `busy` is its state before everything was stopped, `rest` the one after."""

    run: Run
    spec: Spec
    busy: State
    rest: State


def last_run(paths: StackPaths) -> LastRun | None:
    """Return the newest run as its history tells it, None when there is none."""
    run = store.current(paths)
    spec = read_spec(run) if run else None
    if run is None or spec is None:
        return None
    busy, now = State(), State()
    for body in store.events(run):
        if event := happened.from_json(body):
            busy = now if _takes_down(event, now) else busy
            now = apply(now, event)
    return LastRun(run, spec, busy if now.ended else now, _at_rest(now))


def _takes_down(event: Event, state: State) -> bool:
    """Whether an event stops everything that is up."""
    if not isinstance(event, happened.Planned) or any(goal.up for goal in event.goals):
        return False
    stopped = {goal.service for goal in event.goals}
    return bool(stopped) and all(name in stopped for name, s in state.services.items() if s.up)


def _at_rest(state: State) -> State:
    """Return the state of a run whose processes are all gone, such as after the machine was switched off."""
    state = apply(state, happened.Planned(tuple(Goal(name, up=False) for name in state.services)))
    for instance in state.living:
        state = apply(state, happened.InstanceStopped(instance.id, instance.service))
    return state


def status(paths: StackPaths) -> StatusView | None:
    """Return how the last run rests, None when there was none."""
    last = last_run(paths)
    if last is None:
        return None
    return views.status_view(views.picture(last.spec, last.rest), os.fspath(paths.folder))


def why(paths: StackPaths, names: Sequence[str] = ()) -> list[WhyView]:
    """Explain what was not good in the last run before it was taken down."""
    last = last_run(paths)
    if last is None:
        return []
    check_names(last.spec.services, names)
    return causes.why(views.picture(last.spec, last.busy), names, {}, last.run, SystemClock())


def plan(spec: Spec, *, names: Sequence[str] = (), force: bool = False, no_deps: bool = False) -> list[StepView]:
    """Return the steps of an `up` where nothing runs."""
    return views.step_views(plan_up(spec, State(), Up(tuple(names), force=force, no_deps=no_deps)))
