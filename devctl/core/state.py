"""What follows from everything that happened: `apply(state, event)` is the sole meaning of events.

The state says what shall be and what is, instance by instance. What a person is told of it (one status per
service, who waits for whom) is derived in `core.standing`; what to do about it is decided in `core.decide`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from devctl.core import events as happened
from devctl.core.events import Event, Goal, Option, Verdict
from devctl.core.spec import MissingVariant, from_json
from devctl.core.status import Status

HEALTHY_RESETS_PAUSE_SECONDS = 10.0
_KEPT_EXITS = 20
_NEVER = -1  # the generation of what has yet to be started, in dependency order

LIVING = frozenset({Status.STARTING, Status.RUNNING, Status.HEALTHY, Status.UNHEALTHY, Status.STOPPING})


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance. Times are seconds of the monotonic clock, 0 where it did not come to that.

    `generation`: for which generation of its service it was started last, -1 before. `exits`: when it ended by
    itself, of late. `streak`: restarts since the pause was last reset; ends that a person asked for count in
    neither. `restart_at`: when a pending one is due. `signalled`: when a person last sent it a signal.
    """

    id: str
    service: str
    number: int
    status: Status = Status.PENDING
    generation: int = -1
    pid: int = 0
    start_ticks: int = 0
    started_ns: int = 0
    container: str = ""
    spawned: float = 0.0
    good_since: float = 0.0
    first_good: float = 0.0
    restarts: int = 0
    exits: tuple[float, ...] = ()
    streak: int = 0
    restart_at: float = 0.0
    stop_began: float = 0.0
    stop_ended: float = 0.0
    signalled: float = 0.0
    exit_code: int | None = None
    ended: bool = False
    reason: str = ""
    cure: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether a process of it lives, as far as is known."""
        return self.status in LIVING

    @property
    def start_seconds(self) -> float | None:
        """How long the last start took from spawn to good, None before it was."""
        return self.first_good - self.spawned if self.first_good else None


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service. `generation` grows whenever what lives must be replaced; `proven`: the digest of the
    definition that has been good in this run; `missing`: variants that cannot be had; `fetch_began`,
    `fetch_ended`: when its programs were last looked for, in monotonic seconds."""

    name: str
    up: bool = False
    cause: str = ""
    gone: bool = False
    generation: int = 0
    options: tuple[Option, ...] = ()
    missing: tuple[MissingVariant, ...] = ()
    replicas: int = 1
    fetching: bool = False
    fetch_began: float = 0.0
    fetch_ended: float = 0.0
    tools: dict[str, str] | None = None
    proven: str = ""
    instances: dict[str, Instance] = field(default_factory=dict)

    @property
    def option(self) -> Option | None:
        """The variant that runs or would run, None when none can be had."""
        return self.options[0] if self.options else None

    def wanted(self, instance: Instance) -> bool:
        """Whether `instance` shall live, and in its present form."""
        return self.up and instance.number <= self.replicas and instance.generation == self.generation


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is known of one run. `count` is how many events made it, `watches`: changed
    files restart their services."""

    run: str = ""
    stack: str = ""
    boot: str = ""
    ended: bool = False
    watches: bool = False
    count: int = 0
    services: dict[str, ServiceState] = field(default_factory=dict)
    ports: dict[str, dict[str, int]] = field(default_factory=dict)

    def instance(self, service: str, instance: str) -> Instance | None:
        """Return one instance, None when it is not known."""
        found = self.services.get(service)
        return found.instances.get(instance) if found else None

    @property
    def living(self) -> list[Instance]:
        """Every instance of which a process lives."""
        return [i for s in self.services.values() for i in s.instances.values() if i.is_alive]


def apply(state: State, event: Event) -> State:
    """Return the state after `event`; events that fit nothing in it change nothing."""
    counted = replace(state, count=state.count + 1)
    meaning = _MEANINGS.get(type(event))
    return meaning(counted, event) if meaning else counted


def _run_began(state: State, event: happened.RunBegan) -> State:
    return State(run=event.run, stack=event.stack, boot=event.boot, count=state.count)


def _run_ended(state: State, _: happened.RunEnded) -> State:
    return replace(state, ended=True)


def _planned(state: State, event: happened.Planned) -> State:
    services = dict(state.services)
    for goal in event.goals:
        planned = _with_goal(services.get(goal.service) or ServiceState(goal.service), goal)
        services[goal.service] = planned
        if planned.gone and not planned.instances:
            del services[goal.service]
    return replace(state, services=services)


def _with_goal(service: ServiceState, goal: Goal) -> ServiceState:
    same_variant = service.option and goal.options and service.option == goal.options[0]
    changed = replace(
        service,
        up=goal.up,
        cause=goal.cause or service.cause,
        gone=goal.gone,
        generation=service.generation + goal.fresh,
        options=goal.options if goal.up else service.options,
        missing=goal.missing if goal.up else service.missing,
        replicas=goal.replicas if goal.up else service.replicas,
        tools=service.tools if same_variant or not goal.up else None,
        fetching=service.fetching and goal.up,
    )
    return replace(changed, instances=_planned_instances(changed, fresh=goal.fresh))


def _planned_instances(service: ServiceState, *, fresh: bool) -> dict[str, Instance]:
    """Return the instances under a new goal: what does not live is made pending, stopped or forgotten."""
    kept = {key: _under_goal(service, i, fresh=fresh) for key, i in service.instances.items()}
    if service.up:
        for number in range(1, service.replicas + 1):
            key = f"{service.name}.{number}"
            kept.setdefault(key, Instance(key, service.name, number))
    return {
        key: i
        for key, i in kept.items()
        if i.is_alive or not (service.gone or (service.up and i.number > service.replicas))
    }


def _under_goal(service: ServiceState, instance: Instance, *, fresh: bool) -> Instance:
    if instance.is_alive:
        return replace(instance, exits=(), streak=0) if fresh else instance
    if service.up and (fresh or instance.status in (Status.STOPPED, Status.FAILED)):
        return replace(
            instance, status=Status.PENDING, generation=_NEVER, exits=(), streak=0, restart_at=0.0, reason="", cure=""
        )
    if not service.up and instance.status in (Status.PENDING, Status.FAILED):
        return replace(instance, status=Status.STOPPED, restart_at=0.0)
    return instance


def _ports_allocated(state: State, event: happened.PortsAllocated) -> State:
    return replace(state, ports={**state.ports, **event.ports})


def _fetch_began(state: State, event: happened.FetchBegan) -> State:
    return _with_service(state, event.service, fetching=True, fetch_began=event.monotonic, fetch_ended=0.0)


def _tools_ready(state: State, event: happened.ToolsReady) -> State:
    service = state.services.get(event.service)
    is_in_use = service and service.option and service.option.variant == event.variant
    tools = {"tools": event.tools} if is_in_use else {}
    return _with_service(state, event.service, fetching=False, fetch_ended=event.monotonic, **tools)


def _variant_missing(state: State, event: happened.VariantMissing) -> State:
    service = state.services.get(event.service)
    if not service:
        return state
    return _with_service(
        state,
        event.service,
        fetching=False,
        fetch_ended=event.monotonic,
        tools=None,
        options=tuple(o for o in service.options if o.variant != event.variant),
        missing=(*service.missing, MissingVariant(event.variant, event.reason, event.cure)),
    )


def _starting(state: State, event: happened.InstanceStarting) -> State:
    service = state.services.get(event.service)
    return _with_instance(
        state, event.service, event.instance,
        status=Status.STARTING, generation=service.generation if service else 0, spawned=event.monotonic,
        pid=0, start_ticks=0, container="", first_good=0.0, good_since=0.0, restart_at=0.0, signalled=0.0, ended=False,
    )  # fmt: skip


def _started(state: State, event: happened.InstanceStarted) -> State:
    known = state.instance(event.service, event.instance)
    status = Status.STOPPING if known and known.status is Status.STOPPING else Status.STARTING
    state = _with_instance(
        state, event.service, event.instance,
        status=status, pid=event.pid, start_ticks=event.start_ticks,
        started_ns=event.started_ns, container=event.container, reason="", cure="",
    )  # fmt: skip
    if event.checked or status is Status.STOPPING:
        return state
    return _good(state, event.service, event.instance, event.monotonic, Status.RUNNING)


def _start_failed(state: State, event: happened.StartFailed) -> State:
    return _with_instance(
        state, event.service, event.instance, status=Status.FAILED, pid=0, reason=event.reason, cure=event.cure
    )


def _ready(state: State, event: happened.InstanceReady) -> State:
    known = state.instance(event.service, event.instance)
    if not known or known.status not in (Status.STARTING, Status.RUNNING, Status.UNHEALTHY):
        return state
    return _good(state, event.service, event.instance, event.monotonic, Status.HEALTHY)


def _good(state: State, service: str, instance: str, now: float, status: Status) -> State:
    found, known = state.services.get(service), state.instance(service, instance)
    if not found or not known:
        return state
    if found.option and known.generation == found.generation:
        state = _with_service(state, service, proven=found.option.digest)
    return _with_instance(
        state, service, instance, status=status, reason="", good_since=now, first_good=known.first_good or now
    )


def _unready(state: State, event: happened.InstanceUnready) -> State:
    known = state.instance(event.service, event.instance)
    if not known or known.status not in (Status.STARTING, Status.HEALTHY, Status.UNHEALTHY):
        return state
    return _with_instance(
        state, event.service, event.instance, status=Status.UNHEALTHY, reason=event.answer, good_since=0.0
    )


def _exited(state: State, event: happened.InstanceExited) -> State:
    known = state.instance(event.service, event.instance)
    if not known or not known.is_alive or (known.pid and event.pid and known.pid != event.pid):
        return state
    if known.status is Status.STOPPING:  # its tree may still live; InstanceStopped says when it does not
        return state
    return _with_instance(state, event.service, event.instance, **_after_exit(known, event))


def _after_exit(known: Instance, event: happened.InstanceExited) -> dict[str, Any]:
    """Return what changes of an instance that ended by itself, by the verdict that was passed on it."""
    changes: dict[str, Any] = {
        "pid": 0, "exit_code": event.code, "ended": True, "good_since": 0.0, "reason": event.reason,
        "exits": known.exits if event.asked else (*known.exits, event.monotonic)[-_KEPT_EXITS:],
    }  # fmt: skip
    if event.verdict is Verdict.RESTART:
        streak = 0 if is_calm(known, event.monotonic) else known.streak
        changes |= {
            "status": Status.PENDING, "restarts": known.restarts + 1, "streak": streak + (not event.asked),
            "restart_at": event.monotonic + event.pause_seconds,
        }  # fmt: skip
    else:
        changes["status"] = Status.COMPLETED if event.verdict is Verdict.COMPLETED else Status.FAILED
    return changes


def _signalled(state: State, event: happened.InstanceSignalled) -> State:
    return _with_instance(state, event.service, event.instance, signalled=event.monotonic)


def is_calm(instance: Instance, now: float) -> bool:
    """Tell whether the instance has been good for long enough that its restart pause begins anew."""
    return bool(instance.good_since) and now - instance.good_since >= HEALTHY_RESETS_PAUSE_SECONDS


def _stopping(state: State, event: happened.InstanceStopping) -> State:
    return _with_instance(
        state, event.service, event.instance, status=Status.STOPPING, good_since=0.0, stop_began=event.monotonic
    )


def _stopped(state: State, event: happened.InstanceStopped) -> State:
    state = _with_instance(state, event.service, event.instance, stop_ended=event.monotonic)
    return _ended(state, event.service, event.instance, event.code)


def _ended(state: State, service: str, instance: str, code: int | None) -> State:
    """An instance that was told to stop is gone: it starts anew, rests, or is forgotten."""
    found, known = state.services.get(service), state.instance(service, instance)
    if not found or not known:
        return state
    if found.gone or (found.up and known.number > found.replicas):
        return _forget(state, found, instance)
    status = Status.PENDING if found.up else Status.STOPPED
    return _with_instance(
        state, service, instance,
        status=status, generation=_NEVER, pid=0, exit_code=code, ended=True, reason="", restart_at=0.0,
    )  # fmt: skip


def _forget(state: State, service: ServiceState, instance: str) -> State:
    left = {key: i for key, i in service.instances.items() if key != instance}
    services = {**state.services, service.name: replace(service, instances=left)}
    if service.gone and not left:
        del services[service.name]
    return replace(state, services=services)


def _with_service(state: State, name: str, **changes: Any) -> State:
    known = state.services.get(name)
    if known is None:
        return state
    return replace(state, services={**state.services, name: replace(known, **changes)})


def _with_instance(state: State, service: str, instance: str, **changes: Any) -> State:
    found = state.services.get(service)
    if found is None or instance not in found.instances:
        return state
    instances = {**found.instances, instance: replace(found.instances[instance], **changes)}
    return replace(state, services={**state.services, service: replace(found, instances=instances)})


def _files_watched(state: State, _: happened.FilesWatched) -> State:
    return replace(state, watches=True)


def _state_kept(state: State, event: happened.StateKept) -> State:
    try:
        return from_json(State, event.state)
    except (KeyError, TypeError, ValueError):  # of another version, or damaged
        return state


def _supervisor_began(state: State, _: happened.SupervisorBegan) -> State:
    """What an earlier supervisor was fetching is no longer being fetched."""
    services = {name: replace(s, fetching=False) if s.fetching else s for name, s in state.services.items()}
    return replace(state, services=services)


_MEANINGS: dict[type[Event], Callable[[State, Any], State]] = {
    happened.RunBegan: _run_began,
    happened.RunEnded: _run_ended,
    happened.SupervisorBegan: _supervisor_began,
    happened.StateKept: _state_kept,
    happened.FilesWatched: _files_watched,
    happened.Planned: _planned,
    happened.PortsAllocated: _ports_allocated,
    happened.FetchBegan: _fetch_began,
    happened.ToolsReady: _tools_ready,
    happened.VariantMissing: _variant_missing,
    happened.InstanceStarting: _starting,
    happened.InstanceStarted: _started,
    happened.StartFailed: _start_failed,
    happened.InstanceReady: _ready,
    happened.InstanceUnready: _unready,
    happened.InstanceExited: _exited,
    happened.InstanceSignalled: _signalled,
    happened.InstanceStopping: _stopping,
    happened.InstanceStopped: _stopped,
}
