"""Instances replaced one after the other: who may stop now, who is missing, and when it is over or has failed. Pure."""

from __future__ import annotations

from dataclasses import replace

from devctl.core.spec import FailureAction, UpdateOrder
from devctl.core.state import NEVER, Instance, Rollout, ServiceState
from devctl.core.status import GOOD, Status


def old_instances(service: ServiceState) -> list[Instance]:
    """Return those that are still to be replaced, the lowest number first."""
    return [
        i for i in _by_number(service)
        if _is_old(service, i) and i.is_alive and i.status is not Status.STOPPING and not i.is_held
    ]  # fmt: skip


def fresh_instances(service: ServiceState) -> list[Instance]:
    """Return those of the present generation, and those that will be of it."""
    return [
        i for i in _by_number(service)
        if not _is_old(service, i) and i.status is not Status.STOPPING and not i.is_held
    ]  # fmt: skip


def stopping_now(service: ServiceState, now: float) -> list[Instance]:
    """Return the old instances that are to stop now."""
    rollout = service.rollout
    if rollout is None or rollout.is_paused:
        return []
    old, fresh = old_instances(service), fresh_instances(service)
    if rollout.is_rollback and (broken := [i for i in old if i.status not in GOOD]):
        return broken
    proven = [i for i in fresh if _is_proven(rollout, i, now)]
    if rollout.order is UpdateOrder.START_FIRST:
        return old[: max(0, len(proven) + len(old) - _goal_count(service))]
    under_way = len(fresh) - len(proven) + sum(i.status is Status.STOPPING for i in service.instances.values())
    return old[: max(0, rollout.parallelism - under_way)] if now >= rollout.next_at else []


def failure(service: ServiceState) -> str:
    """Return why the rollout has failed, empty while it has not."""
    rollout = service.rollout
    if rollout is None or rollout.is_paused or rollout.failure_action is FailureAction.CONTINUE:
        return ""
    for instance in fresh_instances(service):
        if instance.status is Status.FAILED or (instance.status is Status.UNHEALTHY and not instance.first_good):
            return f"{instance.id}: {instance.reason or instance.status}"
    return ""


def next_moment(service: ServiceState, now: float) -> float | None:
    """Return when time alone lets the rollout go on, None when it does not wait for time."""
    rollout = service.rollout
    if rollout is None:
        return None
    moments = [rollout.next_at]
    moments += [i.good_since + rollout.monitor_seconds for i in fresh_instances(service) if i.good_since]
    return min((moment for moment in moments if moment > now), default=None)


def advance(service: ServiceState) -> ServiceState:
    """Return the service with what its rollout needs next: a further instance, or none because it is over."""
    rollout = service.rollout
    if rollout is None or rollout.is_paused:
        return service
    old, fresh = old_instances(service), fresh_instances(service)
    is_stopping = any(i.status is Status.STOPPING for i in service.instances.values())
    if not old and not is_stopping and all(_is_done(rollout, i) for i in fresh):
        return replace(service, rollout=None)
    if rollout.order is UpdateOrder.STOP_FIRST:
        return service
    done = sum(_is_done(rollout, i) for i in fresh)
    leaving = max(0, done + len(old) - _goal_count(service))  # old ones whose successor is there
    leaving += sum(i.status is Status.STOPPING for i in service.instances.values())
    room = rollout.parallelism - (len(fresh) - done) - leaving
    lacking = min(room, len(old), _goal_count(service) - len(fresh))
    instances = dict(service.instances)
    for number in _free_numbers(instances, service.replicas + rollout.parallelism)[: max(lacking, 0)]:
        key = f"{service.name}.{number}"
        instances[key] = Instance(key, service.name, number, restart_at=rollout.next_at if fresh else 0.0)
    return replace(service, instances=instances)


def roll_back(service: ServiceState, reason: str) -> ServiceState:
    """Return the service on its way back to what it was: what was replaced is put back, what never left stays."""
    rollout = service.rollout
    if rollout is None:
        return service
    if rollout.is_rollback:  # what it was does not start either
        return replace(service, rollout=None, rolled_back=f"{service.rolled_back}; then {reason}")
    if rollout.from_options == service.options:  # only restarted: what was replaced is as good as what was not
        return _without_broken(replace(_of_one_generation(service), rollout=None, rolled_back=reason))
    reverted = replace(
        service,
        generation=rollout.from_generation,
        options=rollout.from_options,
        rollout=replace(rollout, is_rollback=True, next_at=0.0, delay_seconds=0.0),
        rolled_back=reason,
    )
    return advance(_without_broken(reverted))


def _of_one_generation(service: ServiceState) -> ServiceState:
    instances = {k: replace(i, generation=service.generation) for k, i in service.instances.items() if i.is_alive}
    return replace(service, instances={**service.instances, **instances})


def _without_broken(service: ServiceState) -> ServiceState:
    """Return the service without what does not live, or with it to be started anew where it is not superfluous."""
    staying = sum(i.is_alive and i.status is not Status.STOPPING for i in service.instances.values())
    staying += sum(i.is_held and not i.is_alive for i in service.instances.values())
    instances: dict[str, Instance] = {}
    for key, instance in service.instances.items():
        if instance.is_alive or instance.is_held:
            instances[key] = instance
        elif staying < service.replicas:
            staying += 1
            instances[key] = renewed(instance)
    return replace(service, instances=instances)


def renewed(instance: Instance) -> Instance:
    """Return an instance that does not live as one that has yet to be started."""
    return replace(
        instance, status=Status.PENDING, generation=NEVER, exits=(), consecutive_restarts=0, restart_at=0.0,
        reason="", remedy="", is_held=False,
    )  # fmt: skip


def is_superfluous(service: ServiceState, instance: Instance) -> bool:
    """Whether there are enough without this instance, so that it is forgotten when it has stopped."""
    others = (i for i in service.instances.values() if i.id != instance.id)
    return sum(i.status is not Status.STOPPING for i in others) >= service.replicas


def _goal_count(service: ServiceState) -> int:
    """Return how many instances there shall be in the end: those that a person stopped alone stay away."""
    return service.replicas - sum(i.is_held for i in service.instances.values())


def _free_numbers(instances: dict[str, Instance], most: int) -> list[int]:
    """Return the numbers up to `most`, for which there are ports, that no instance has."""
    taken = {i.number for i in instances.values()}
    return [number for number in range(1, most + 1) if number not in taken]


def _by_number(service: ServiceState) -> list[Instance]:
    return sorted(service.instances.values(), key=lambda instance: instance.number)


def _is_old(service: ServiceState, instance: Instance) -> bool:
    return instance.generation not in (service.generation, NEVER)


def _is_done(rollout: Rollout, instance: Instance) -> bool:
    """Whether a fresh instance is good, or is not waited for because failures do not stop the rollout."""
    is_given_up = instance.status is Status.FAILED and rollout.failure_action is FailureAction.CONTINUE
    return instance.status in GOOD or is_given_up


def _is_proven(rollout: Rollout, instance: Instance, now: float) -> bool:
    is_monitored = instance.status not in GOOD or now >= instance.good_since + rollout.monitor_seconds
    return _is_done(rollout, instance) and is_monitored
