"""What follows from everything that happened: `apply(state, event)` is the sole meaning of events. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from devctl.core import events as happened
from devctl.core import rollout
from devctl.core.events import Event, Goal, Verdict
from devctl.core.spec import FailureAction, MissingVariant, UpdateOrder, from_json
from devctl.core.state import NEVER, PAUSABLE, Instance, Rollout, ServiceState, State, is_stable
from devctl.core.status import Status

_KEPT_EXITS = 20  # more than any restart policy looks back at; a service that flaps for days must not grow the state


def apply(state: State, event: Event) -> State:
    """Return the state after `event`; events that fit nothing in it change nothing."""
    counted = replace(state, count=state.count + 1)
    transition = _TRANSITIONS.get(type(event))
    return transition(counted, event) if transition else counted


def _run_began(state: State, event: happened.RunBegan) -> State:
    return State(run=event.run, stack=event.stack, boot=event.boot, count=state.count)


def _run_ended(state: State, _: happened.RunEnded) -> State:
    return replace(state, ended=True)


def _planned(state: State, event: happened.Planned) -> State:
    services, gone = dict(state.services), []
    for goal in event.goals:
        planned = _with_goal(services.get(goal.service) or ServiceState(goal.service), goal)
        services[goal.service] = planned
        if planned.removed and not planned.instances:
            gone.append(goal.service)
    state = replace(state, services=services)
    for name in gone:
        state = _without(state, name)
    return state


def _without(state: State, name: str) -> State:
    """Return the state without a service: its numbers are free for others, and so is its wire."""
    return replace(
        state,
        services={key: service for key, service in state.services.items() if key != name},
        ports={key: ports for key, ports in state.ports.items() if name not in (key, key.rpartition(".")[0])},
        faults={key: fault for key, fault in state.faults.items() if fault.service != name},
    )


def _with_goal(service: ServiceState, goal: Goal) -> ServiceState:
    return _with_instances(service, goal) if goal.instances else _with_whole(service, goal)


def _with_instances(service: ServiceState, goal: Goal) -> ServiceState:
    """Return the service where only some of its instances have a new goal, and the others stay as they are."""
    if not goal.desired_up and not service.desired_up:  # all of it stops already
        return service
    if goal.desired_up and not service.desired_up:  # of a stopped service: the others stay stopped
        service = _with_whole(service, replace(goal, instances=(), force_recreate=False))
        others = {key: _held(i) for key, i in service.instances.items() if key not in goal.instances}
        return replace(service, instances={**service.instances, **others})
    chosen = {key: i for key, i in service.instances.items() if key in goal.instances}
    changed = {key: _under_own_goal(i, goal) for key, i in chosen.items()}
    changed_service = replace(service, cause=goal.cause or service.cause, instances={**service.instances, **changed})
    if any(not i.is_held for i in changed_service.instances.values()):
        return changed_service
    return _with_whole(service, replace(goal, instances=()))  # none is left: the service is stopped


def _under_own_goal(instance: Instance, goal: Goal) -> Instance:
    """Return an instance that has a goal of its own. One of no generation is replaced where it lives."""
    if not goal.desired_up:
        return _held(instance)
    if not instance.is_alive:
        is_down = goal.force_recreate or instance.status in (Status.STOPPED, Status.FAILED)
        return rollout.renewed(instance) if is_down else replace(instance, is_held=False)
    if not goal.force_recreate:
        return replace(instance, is_held=False)
    return replace(instance, is_held=False, generation=NEVER, exits=(), consecutive_restarts=0)


def _held(instance: Instance) -> Instance:
    status = instance.status if instance.is_alive else Status.STOPPED
    return replace(instance, is_held=True, status=status, restart_at=0.0)


def _with_whole(service: ServiceState, goal: Goal) -> ServiceState:
    same_variant = service.option and goal.options and service.option == goal.options[0]
    last = max(service.last_generation, service.generation) + goal.force_recreate
    changed = replace(
        service,
        desired_up=goal.desired_up,
        cause=goal.cause or service.cause,
        removed=goal.removed,
        generation=last if goal.force_recreate else service.generation,
        last_generation=last,
        rollout=_rollout(service, goal),
        rolled_back="",
        options=goal.options if goal.desired_up else service.options,
        missing=goal.missing if goal.desired_up else service.missing,
        replicas=goal.replicas if goal.desired_up else service.replicas,
        tools=service.tools if same_variant or not goal.desired_up else None,
        fetching=service.fetching and goal.desired_up,
    )
    planned = replace(changed, instances=_planned_instances(changed, goal))
    return rollout.advance(planned)


def _rollout(service: ServiceState, goal: Goal) -> Rollout | None:
    """Return how what lives is replaced: None for all at once; as before where nothing new is asked for."""
    policy = goal.rolling
    if not goal.desired_up:
        return None
    if not goal.force_recreate:
        return service.rollout
    if policy is None or not any(i.is_alive for i in service.instances.values()):
        return None
    before = service.rollout  # a further one while one goes on: back to what was good before both
    return Rollout(
        order=policy.order or UpdateOrder.STOP_FIRST,
        parallelism=max(policy.parallelism, 1),
        delay_seconds=policy.delay_seconds,
        monitor_seconds=policy.monitor_seconds,
        failure_action=policy.failure_action,
        from_generation=before.from_generation if before else service.generation,
        from_options=before.from_options if before else service.options,
    )


def _planned_instances(service: ServiceState, goal: Goal) -> dict[str, Instance]:
    """Return the instances under a new goal: what does not live is made pending, stopped or forgotten."""
    kept = {key: _under_goal(service, i, goal) for key, i in service.instances.items()}
    if service.desired_up:
        for number in itertools.count(1):
            if len(kept) >= service.replicas:  # what is stopping is started again where it is needed
                break
            key = f"{service.name}.{number}"
            kept.setdefault(key, Instance(key, service.name, number))
    return {key: i for key, i in kept.items() if i.is_alive or not (service.removed or _is_too_many(service, kept, i))}


def _is_too_many(service: ServiceState, kept: dict[str, Instance], instance: Instance) -> bool:
    """Whether there are enough without an instance that does not live: what lives stays before it."""
    before = sum(i.is_alive or i.number < instance.number for i in kept.values() if i.id != instance.id)
    return service.desired_up and before >= service.replicas


def _under_goal(service: ServiceState, instance: Instance, goal: Goal) -> Instance:
    if instance.is_held and goal.keeps_held:
        return instance
    instance = replace(instance, is_held=False) if instance.is_held else instance
    if instance.is_alive:
        return replace(instance, exits=(), consecutive_restarts=0) if goal.force_recreate else instance
    if service.desired_up and (goal.force_recreate or instance.status in (Status.STOPPED, Status.FAILED)):
        return rollout.renewed(instance)
    if not service.desired_up and instance.status in (Status.PENDING, Status.FAILED):
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
        missing=(*service.missing, MissingVariant(event.variant, event.reason, event.remedy)),
    )


def _starting(state: State, event: happened.InstanceStarting) -> State:
    service = state.services.get(event.service)
    return _with_instance(
        state, event.service, event.instance,
        status=Status.STARTING, generation=service.generation if service else 0, spawned=event.monotonic,
        pid=0, start_ticks=0, container="", first_good=0.0, good_since=0.0, restart_at=0.0, signalled=0.0, ended=False,
        liveness="", paused_as=None,
    )  # fmt: skip


def _started(state: State, event: happened.InstanceStarted) -> State:
    before = state.instance(event.service, event.instance)
    status = Status.STOPPING if before and before.status is Status.STOPPING else Status.STARTING
    state = _with_instance(
        state, event.service, event.instance,
        status=status, pid=event.pid, start_ticks=event.start_ticks,
        started_ns=event.started_ns, container=event.container, reason="", remedy="",
    )  # fmt: skip
    if event.checked or status is Status.STOPPING:
        return state
    return _good(state, event.service, event.instance, event.monotonic, Status.RUNNING)


def _start_failed(state: State, event: happened.StartFailed) -> State:
    return _with_instance(
        state, event.service, event.instance, status=Status.FAILED, pid=0, reason=event.reason, remedy=event.remedy
    )


def _ready(state: State, event: happened.InstanceReady) -> State:
    instance = state.instance(event.service, event.instance)
    if not instance or instance.status not in (Status.STARTING, Status.RUNNING, Status.UNHEALTHY):
        return state
    return _good(state, event.service, event.instance, event.monotonic, Status.HEALTHY)


def _good(state: State, service: str, instance: str, now: float, status: Status) -> State:
    service_state, before = state.services.get(service), state.instance(service, instance)
    if not service_state or not before:
        return state
    if service_state.option and before.generation == service_state.generation:
        state = _with_service(state, service, healthy_digest=service_state.option.digest)
    state = _with_instance(
        state, service, instance, status=status, reason="", good_since=now, first_good=before.first_good or now
    )
    return _advanced(state, service, now)


def _advanced(state: State, name: str, now: float) -> State:
    """Let the rollout of a service go on, if there is one; the next instance waits for its delay."""
    service = state.services.get(name)
    if service is None or service.rollout is None:
        return state
    waiting = replace(service.rollout, next_at=now + service.rollout.delay_seconds)
    advanced = rollout.advance(replace(service, rollout=waiting))
    return replace(state, services={**state.services, name: advanced})


def _unready(state: State, event: happened.InstanceUnready) -> State:
    instance = state.instance(event.service, event.instance)
    if not instance or instance.status not in (Status.STARTING, Status.HEALTHY, Status.UNHEALTHY):
        return state
    return _with_instance(
        state, event.service, event.instance, status=Status.UNHEALTHY, reason=event.answer, good_since=0.0
    )


def _exited(state: State, event: happened.InstanceExited) -> State:
    instance = state.instance(event.service, event.instance)
    if not instance or not instance.is_alive or (instance.pid and event.pid and instance.pid != event.pid):
        return state
    if instance.status is Status.STOPPING:  # its tree may still live; InstanceStopped says when it does not
        return state
    return _with_instance(state, event.service, event.instance, **_after_exit(instance, event))


def _after_exit(instance: Instance, event: happened.InstanceExited) -> dict[str, Any]:
    """Return what changes of an instance that ended by itself, by the verdict that was passed on it."""
    changes: dict[str, Any] = {
        "pid": 0, "exit_code": event.code, "ended": True, "good_since": 0.0, "reason": event.reason,
        "exits": instance.exits if event.requested else (*instance.exits, event.monotonic)[-_KEPT_EXITS:],
    }  # fmt: skip
    if event.verdict is Verdict.RESTART:
        in_a_row = 0 if is_stable(instance, event.monotonic) else instance.consecutive_restarts
        changes |= {
            "status": Status.PENDING, "restarts": instance.restarts + 1,
            "restarted_because": event.reason.partition("; starts again")[0],
            "consecutive_restarts": in_a_row + (not event.requested),
            "restart_at": event.monotonic + event.pause_seconds,
        }  # fmt: skip
    else:
        changes["status"] = Status.COMPLETED if event.verdict is Verdict.COMPLETED else Status.FAILED
    return changes


def _signalled(state: State, event: happened.InstanceSignalled) -> State:
    return _with_instance(state, event.service, event.instance, signalled=event.monotonic)


def _paused(state: State, event: happened.InstancePaused) -> State:
    instance = state.instance(event.service, event.instance)
    if not instance or not instance.pid or instance.status not in PAUSABLE:
        return state
    return _with_instance(
        state, event.service, event.instance,
        status=Status.PAUSED, paused_as=instance.status, reason=f"{instance.id} is paused",
        remedy=f"`devctl unpause {instance.id}` lets it go on.",
    )  # fmt: skip


def _unpaused(state: State, event: happened.InstanceUnpaused) -> State:
    instance = state.instance(event.service, event.instance)
    if not instance or instance.status is not Status.PAUSED:
        return state
    status = instance.paused_as or Status.STARTING
    return _with_instance(state, event.service, event.instance, status=status, paused_as=None, reason="", remedy="")


def _stopping(state: State, event: happened.InstanceStopping) -> State:
    return _with_instance(
        state, event.service, event.instance, status=Status.STOPPING, good_since=0.0, stop_began=event.monotonic
    )


def _stopped(state: State, event: happened.InstanceStopped) -> State:
    state = _with_instance(state, event.service, event.instance, stop_ended=event.monotonic)
    return _advanced(_ended(state, event.service, event.instance, event.code), event.service, event.monotonic)


def _rollout_failed(state: State, event: happened.RolloutFailed) -> State:
    service = state.services.get(event.service)
    if service is None or service.rollout is None:
        return state
    if event.action is FailureAction.ROLLBACK:
        changed = rollout.roll_back(service, event.reason)
    else:
        changed = replace(service, rollout=replace(service.rollout, is_paused=True), rolled_back=event.reason)
    return replace(state, services={**state.services, event.service: changed})


def _liveness_failed(state: State, event: happened.LivenessFailed) -> State:
    return _with_instance(state, event.service, event.instance, liveness=event.answer)


def _fault_added(state: State, event: happened.FaultAdded) -> State:
    return replace(state, faults={**state.faults, event.fault.name: event.fault})


def _fault_ended(state: State, event: happened.FaultEnded) -> State:
    return replace(state, faults={name: fault for name, fault in state.faults.items() if name != event.name})


def _ended(state: State, service: str, instance: str, code: int | None) -> State:
    """An instance that was told to stop has ended: it starts anew, stays stopped, or is forgotten."""
    service_state, before = state.services.get(service), state.instance(service, instance)
    if not service_state or not before:
        return state
    if service_state.removed or (service_state.desired_up and rollout.is_superfluous(service_state, before)):
        return _forget(state, service_state, instance)
    status = Status.PENDING if service_state.desired_up and not before.is_held else Status.STOPPED
    return _with_instance(
        state, service, instance,
        status=status, generation=NEVER, pid=0, exit_code=code, ended=True, reason="", restart_at=0.0,
    )  # fmt: skip


def _forget(state: State, service: ServiceState, instance: str) -> State:
    left = {key: i for key, i in service.instances.items() if key != instance}
    if service.removed and not left:
        return _without(state, service.name)
    return replace(state, services={**state.services, service.name: replace(service, instances=left)})


def _with_service(state: State, name: str, **changes: Any) -> State:
    before = state.services.get(name)
    if before is None:
        return state
    return replace(state, services={**state.services, name: replace(before, **changes)})


def _with_instance(state: State, service: str, instance: str, **changes: Any) -> State:
    before = state.services.get(service)
    if before is None or instance not in before.instances:
        return state
    instances = {**before.instances, instance: replace(before.instances[instance], **changes)}
    return replace(state, services={**state.services, service: replace(before, instances=instances)})


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


_TRANSITIONS: dict[type[Event], Callable[[State, Any], State]] = {
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
    happened.InstancePaused: _paused,
    happened.InstanceUnpaused: _unpaused,
    happened.InstanceStopping: _stopping,
    happened.InstanceStopped: _stopped,
    happened.LivenessFailed: _liveness_failed,
    happened.RolloutFailed: _rollout_failed,
    happened.FaultAdded: _fault_added,
    happened.FaultEnded: _fault_ended,
}
