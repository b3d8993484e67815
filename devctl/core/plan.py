"""What a request would do, decided without doing it: steps with their causes, and the goals that they amount to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import StrEnum

from devctl.core.events import Goal, Option
from devctl.core.order import Graph, graph
from devctl.core.selection import select_at_rest
from devctl.core.spec import HUB, RELAY, Service, Spec, Variant, digest
from devctl.core.state import ServiceState, State
from devctl.core.status import Condition, Status
from devctl.errors import UsageError
from devctl.text import listing, nearest
from devctl.values import dataclass


class Action(StrEnum):
    """What a step does."""

    FETCH = "fetch"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    SKIP = "skip"  # it cannot be had


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step. `after`: services whose condition it waits for. `cause`: why it is done."""

    action: Action
    service: str
    cause: str
    after: tuple[str, ...] = ()
    subject: str = ""  # what of the service: a variant, native programs, a number of instances

    @property
    def text(self) -> str:
        """Return the step as one line for people."""
        subject = f" ({self.subject})" if self.subject else ""
        after = f", after {', '.join(self.after)}" if self.after else ""
        return f"{self.action:<7} {self.service}{subject}{after}: {self.cause}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they would begin at the earliest, and the goals that bring them about."""

    steps: tuple[PlanStep, ...] = ()
    goals: tuple[Goal, ...] = ()

    @property
    def text(self) -> str:
        """Return the whole plan as text, one step a line."""
        return "\n".join(step.text for step in self.steps) or "nothing to do"


@dataclass(frozen=True, slots=True)
class Up:
    """Bring services up. `names` empty: everything active. `force`: also restart what did not change. `instances`:
    of these services (which are among `names`) only these instances."""

    names: tuple[str, ...] = ()
    force: bool = False
    no_deps: bool = False
    all_at_once: bool = False  # do not replace instances one after the other
    instances: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ASKED = "asked for"


def only_instances(state: State, request: Up) -> Up:
    """Return a request whose names may be of single instances as one that keeps services and instances apart."""
    selection = select_at_rest(state, request.names)
    return replace(request, names=tuple(selection), instances=selection)


def plan_up(spec: Spec, state: State, request: Up) -> Plan:
    """Return the plan that makes `state` what `spec` says; UsageError names a service that does not exist."""
    check_names(spec.services, request.names)
    whole = graph(spec.services)
    requested = request.names or spec.active
    targets = set(requested) if request.no_deps else whole.with_needed(requested)
    targets |= _own_services(spec, targets)
    changes = _changes(spec, state, whole, targets, requested, force=request.force)
    steps: list[PlanStep] = []
    goals: list[Goal] = []
    for name in whole.order():
        if change := changes.get(name):
            service, service_state = spec.services[name], state.services.get(name)
            rolling = None if request.all_at_once else service.rolling
            goals.append(_goal(service, service_state, change.cause, force_recreate=change.force_recreate))
            goals[-1] = replace(goals[-1], rolling=rolling, instances=request.instances.get(name, ()))
            steps += _steps(service, service_state, goals[-1], whole)
        elif name in targets and (now := state.services.get(name)) and _was_taken_back(now):
            goals.append(_goal(spec.services[name], now, now.cause, force_recreate=False))
    removed = [] if request.names else _removed(spec, state)
    return Plan((*(_stop_step(g) for g in removed), *steps), (*removed, *goals))


def _own_services(spec: Spec, targets: set[str]) -> set[str]:
    """Return devctl's own services that `targets` need: the hub, and the relay where one of them is relayed."""
    is_relayed = any(spec.services[name].is_relayed for name in targets if name in spec.services)
    return {HUB, *([RELAY] if is_relayed else [])} & spec.services.keys()


def plan_stop(state: State, names: Iterable[str], cause: str = ASKED) -> Plan:
    """Return the plan that stops `names`, services or single instances, and nothing else."""
    selection = select_at_rest(state, names)
    affected = [state.services[name] for name in selection if name in state.services]
    goals = [
        Goal(s.name, desired_up=False, cause=cause, removed=s.removed, instances=selection[s.name])
        for s in affected
        if s.desired_up or _lives(s)
    ]
    return Plan(tuple(_stop_step(goal) for goal in goals), tuple(goals))


def plan_restart(
    spec: Spec,
    state: State,
    names: Iterable[str],
    *,
    with_dependents: bool,
    cause: str = ASKED,
    all_at_once: bool = False,
) -> Plan:
    """Return the plan that restarts `names`, services or single instances, and with them those dependents that are
    up."""
    selection = select_at_rest(state, names)
    names = tuple(selection)
    check_names(spec.services, names)
    whole = graph(spec.services)
    candidates = whole.with_dependents(names) if with_dependents else _bound(spec, names)
    affected = {n for n in candidates if n in names or ((s := state.services.get(n)) and s.desired_up)}
    steps: list[PlanStep] = []
    goals: list[Goal] = []
    for name in whole.order():
        if name in affected:
            service_state = state.services.get(name)
            why = cause if name in names else f"depends on {', '.join(n for n in names if n != name)}"
            goals.append(_goal(spec.services[name], service_state, why, force_recreate=True))
            goals[-1] = replace(
                goals[-1],
                rolling=None if all_at_once else spec.services[name].rolling,
                instances=selection.get(name, ()),
                keeps_held=name not in names or cause != ASKED,
            )
            steps += _steps(spec.services[name], service_state, goals[-1], whole)
    return Plan(tuple(steps), tuple(goals))


def check_names(services: Mapping[str, Service], names: Iterable[str]) -> None:
    """Raise UsageError for a name that is no service, with the nearest one that is."""
    for name in names:
        if name not in services:
            raise UsageError(f"there is no service {name!r}", next=_hint(name, services))


def _hint(name: str, services: Mapping[str, Service]) -> str:
    close = nearest(name, services)
    return f"Did you mean {close!r}?" if close else f"There are: {', '.join(services) or 'none'}."


@dataclass(frozen=True, slots=True)
class _Change:
    """Why a service must be touched. `force_recreate`: what lives of it is replaced."""

    cause: str
    force_recreate: bool


def _changes(
    spec: Spec, state: State, whole: Graph, targets: set[str], requested: Iterable[str], *, force: bool
) -> dict[str, _Change]:
    """Return why each target must be touched; those that are as they should be are left out."""
    changes: dict[str, _Change] = {}
    changed: set[str] = set()
    for name in whole.order():
        if name not in targets:
            continue
        service_state, service = state.services.get(name), spec.services[name]
        because = next((d.service for d in whole.needs[name] if d.service in changed), "")
        if is_changed(service, service_state):
            changed.add(name)
            changes[name] = _Change("its definition changed", force_recreate=True)
        elif because and service_state and _lives(service_state):
            changed.add(name)
            changes[name] = _Change(f"{because}, which it depends on, changed", force_recreate=True)
        elif force and name in requested:
            changes[name] = _Change("forced", force_recreate=True)
        elif service_state is None or _is_incomplete(service, service_state):
            cause = ASKED if name in requested else _needed_by(name, whole, targets)
            changes[name] = _Change(cause, force_recreate=service_state is None)
    return changes


def is_changed(service: Service, service_state: ServiceState | None) -> bool:
    """Tell whether what runs or has run under this name is of another definition than `service`."""
    if (
        service_state is None
        or service_state.option is None
        or not any(i.is_alive or i.ended for i in service_state.instances.values())
    ):
        return False
    return service_state.option not in _options(service, service_state)


def _was_taken_back(service_state: ServiceState) -> bool:
    """Whether a change of it was taken back which nobody asks for any more: it runs as it shall, and that is over."""
    return bool(service_state.rolled_back) and service_state.rollout is None


def _is_incomplete(service: Service, service_state: ServiceState) -> bool:
    """Whether something of it is stopped, failed, unavailable, missing or too many."""
    if (
        not service_state.desired_up
        or service_state.removed
        or not service_state.options
        or service_state.replicas != service.replicas
    ):
        return True
    return any(i.status in (Status.STOPPED, Status.FAILED) for i in service_state.instances.values())


def _needed_by(name: str, whole: Graph, targets: set[str]) -> str:
    if name == HUB:
        return "takes in the telemetry of all"
    if name == RELAY:
        return "holds the shared ports"
    return "needed by " + ", ".join(d for d in whole.dependents[name] if d in targets)


def _goal(service: Service, service_state: ServiceState | None, cause: str, *, force_recreate: bool) -> Goal:
    return Goal(
        service.name,
        desired_up=True,
        cause=cause,
        options=_options(service, service_state),
        missing=service.missing,
        replicas=service.replicas,
        force_recreate=force_recreate,
    )


def _options(service: Service, service_state: ServiceState | None) -> tuple[Option, ...]:
    """Return what may run, in order; the variant that is in use stays first."""
    options = tuple(Option(v.name, digest(service, v)) for v in service.variants)
    used = service_state.option.variant if service_state and service_state.option and _lives(service_state) else ""
    return tuple(sorted(options, key=lambda option: option.variant != used))


def _steps(service: Service, service_state: ServiceState | None, goal: Goal, whole: Graph) -> list[PlanStep]:
    if not goal.options:
        reason = "; ".join(m.reason for m in service.missing) or "no variant can be had"
        return [PlanStep(Action.SKIP, service.name, f"cannot be had: {reason}")]
    variant = next(v for v in service.variants if v.name == goal.options[0].variant)
    after = tuple(d.service for d in whole.needs[service.name] if d.condition is not Condition.STARTED or d.required)
    restarts = service_state is not None and _lives(service_state) and goal.force_recreate
    action = Action.RESTART if restarts else Action.START
    subject = _subject(service, variant, rolls=restarts and goal.rolling is not None)
    step = PlanStep(action, service.name, goal.cause, after, listing(goal.instances) or subject)
    needs_tools = variant.tools and not (service_state and service_state.tools is not None)
    fetch = [PlanStep(Action.FETCH, service.name, "its program", (), ", ".join(variant.tools))] if needs_tools else []
    return [*fetch, step]


def _subject(service: Service, variant: Variant, *, rolls: bool) -> str:
    parts = [service.kept or variant.name] if service.uses else []
    if service.replicas != 1:
        parts.append(f"{service.replicas} instances")
    if rolls:
        parts.append("one after the other")
    return ", ".join(parts)


def _removed(spec: Spec, state: State) -> list[Goal]:
    left = (s for s in state.services.values() if s.name not in spec.services and not s.removed)
    return [Goal(s.name, desired_up=False, cause="no longer in the manifest", removed=True) for s in left]


def _stop_step(goal: Goal) -> PlanStep:
    return PlanStep(Action.STOP, goal.service, goal.cause, subject=listing(goal.instances))


def _bound(spec: Spec, names: tuple[str, ...]) -> set[str]:
    """Return `names` with those dependents that ask to be restarted along (Compose's `restart: true`)."""
    bound = set(names)
    for service in spec.services.values():
        if any(d.restart and d.service in names for d in service.depends_on):
            bound.add(service.name)
    return bound


def _lives(service_state: ServiceState) -> bool:
    return any(i.is_alive for i in service_state.instances.values())


def merge_specs(new: Spec, old: Spec | None, state: State, names: Iterable[str]) -> Spec:
    """Return the specification in force after an `up` of `names`: the new one, in which services that run but
    were not asked for keep their old definition, and removed services stay until they have stopped."""
    if old is None:
        return new
    services = dict(new.services)
    if names:
        touched = graph(new.services).with_needed(names)
        for name, service in old.services.items():
            if name not in touched and name in state.services and state.services[name].desired_up:
                services[name] = service
    for name, service in old.services.items():
        if name not in services and name in state.services and _lives(state.services[name]):
            services[name] = service
    active = tuple(dict.fromkeys((*new.active, *(n for n in old.active if n in services and n in new.services))))
    return replace(new, services=services, active=active)
