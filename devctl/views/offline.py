"""Answers from the record where no supervisor runs: how the last run ended. Starts nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from devctl.core import events as happened
from devctl.core.events import Event, Goal
from devctl.core.plan import Up, plan_up
from devctl.core.spec import Spec
from devctl.core.state import State
from devctl.core.transitions import apply
from devctl.paths import StackPaths
from devctl.record import replay, store
from devctl.record.store import Run
from devctl.session.protocol import SnapshotView, StatusView, StepView
from devctl.views import snapshot
from devctl.views.status import status_view, step_views


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run on disk. `before_down` is its state before everything was stopped, `after_down` the one after."""

    run: Run
    spec: Spec
    before_down: State
    after_down: State


def last_run(paths: StackPaths, run: Run | None = None) -> LastRun | None:
    """Return the newest run (or `run`) as its event log has it, None when there is none."""
    run = run or store.current(paths)
    spec = replay.read_spec(run) if run else None
    if run is None or spec is None:
        return None
    before_down, now = State(), State()
    for event in replay.read_events(run):
        before_down = now if _takes_down(event, now) else before_down
        now = apply(now, event)
    return LastRun(run, spec, before_down if now.ended else now, _all_stopped(now))


def _takes_down(event: Event, state: State) -> bool:
    """Whether an event stops everything that is up."""
    if not isinstance(event, happened.Planned) or any(goal.desired_up for goal in event.goals):
        return False
    stopped = {goal.service for goal in event.goals}
    return bool(stopped) and all(name in stopped for name, s in state.services.items() if s.desired_up)


def _all_stopped(state: State) -> State:
    """Return the state of a run whose processes are all gone, such as after the machine was switched off."""
    state = apply(state, happened.Planned(tuple(Goal(name, desired_up=False) for name in state.services)))
    for instance in state.living:
        state = apply(state, happened.InstanceStopped(instance.id, instance.service))
    return state


def status(paths: StackPaths) -> StatusView | None:
    """Return the status that the last run ended with, None when there was none."""
    last = last_run(paths)
    if last is None:
        return None
    return status_view(snapshot.take_snapshot(last.spec, last.after_down), os.fspath(paths.folder))


def snapshot_view(paths: StackPaths, run: Run | None = None) -> SnapshotView:
    """Return the last run (or `run`) as it was before it was taken down; an empty stack where nothing ever ran."""
    last = last_run(paths, run)
    if last is None:
        return snapshot.snapshot_view(Spec(paths.folder.name, os.fspath(paths.folder)), State(), {})
    return snapshot.snapshot_view(last.spec, last.before_down, {})


def plan(spec: Spec, *, names: Sequence[str] = (), force: bool = False, no_deps: bool = False) -> list[StepView]:
    """Return the steps of an `up` where nothing runs."""
    return step_views(plan_up(spec, State(), Up(tuple(names), force=force, no_deps=no_deps)))
