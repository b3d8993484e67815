"""What an `up` amounts to, decided without doing it: the plan, the specification in force after it, the ports.

It asks the machine which ports are free and changes nothing: a refusal leaves everything as it was.
"""

from __future__ import annotations

from devctl.core import events as happened
from devctl.core.events import Event
from devctl.core.plan import Plan, Up, merge_specs, plan_up
from devctl.core.spec import Spec
from devctl.core.state import State
from devctl.supervisor.allocation import Allocator
from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a request set out to do. `names`: the services whose settling it waits for."""

    run: str
    began: bool
    plan: Plan
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class ApplyDecision:
    """What is to be committed. `names`: the services whose settling the request waits for."""

    plan: Plan
    spec: Spec
    events: tuple[Event, ...]
    names: frozenset[str]


def decide_apply(spec: Spec, in_force: Spec | None, state: State, up: Up, allocator: Allocator) -> ApplyDecision:
    """Return what `up` by `spec` changes; `in_force` is None before the first one.

    UsageError names a service that does not exist, EnvironmentProblem a port that cannot be had.
    """
    plan = plan_up(spec, state, up)
    merged = merge_specs(spec, in_force, state, up.names)
    targets = {goal.service for goal in plan.goals if goal.desired_up}
    allocated = allocator.allocate(merged, in_force or Spec("", ""), state, targets)
    missing = [event for event in allocated if isinstance(event, happened.VariantMissing)]
    ports = [event for event in allocated if not isinstance(event, happened.VariantMissing)]
    names = (*up.names, *targets) if up.names else (*merged.active, *targets)
    # A variant can only be missing of what is planned, so these events come last.
    return ApplyDecision(plan, merged, (*ports, happened.Planned(plan.goals), *missing), frozenset(names))
