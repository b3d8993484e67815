"""What is to be done now: the steps that the state of a stack calls for at this moment. Touches nothing.

After every change of the state this is asked about the services that the change concerns. So a start that waits, a
restart whose pause is over and a stop whose dependents are gone are all decided in the same place, also by a
supervisor that took over from a dead one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from devctl.core import rollout
from devctl.core.derived import waits_for
from devctl.core.order import Graph
from devctl.core.spec import FailureAction, Service, Spec, Variant
from devctl.core.state import Instance, ServiceState, State
from devctl.core.status import Status
from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Fetch:
    """Have the native programs of a variant at hand."""

    service: str
    variant: str
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """Spawn an instance."""

    service: str
    instance: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """Give up replacing the instances of a service, as its policy says."""

    service: str
    reason: str
    action: FailureAction


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop an instance and everything under it."""

    service: str
    instance: str
    cause: str = ""


Step = Fetch | Start | Stop | Abandon


@dataclass(frozen=True, slots=True)
class Situation:
    """What is decided from: what shall run, who waits for whom, what is, and the moment (monotonic seconds)."""

    spec: Spec
    graph: Graph
    state: State
    now: float


def due(
    situation: Situation, names: Iterable[str], *, fetch_optional: bool = True, force_stop: bool = False
) -> list[Step]:
    """Return the steps that services `names` call for now.

    `fetch_optional`: whether downloads for optional services may begin. `force_stop`: stop without order.
    """
    steps: list[Step] = []
    for name in names:
        service_state = situation.state.services.get(name)
        if service_state is not None:
            if reason := rollout.failure(service_state):
                steps.append(_abandon(service_state, reason))
                continue
            steps += _stops(situation, service_state, force_stop=force_stop)
            if service_state.desired_up and name in situation.spec.services:
                steps += _starts(situation, service_state, fetch_optional=fetch_optional)
    return steps


def next_restart(state: State, names: Iterable[str], now: float) -> float | None:
    """Return when the next pending restart of `names`, or step of their replacement, is due; None when none is."""
    moments: list[float] = []
    for name in names:
        service_state = state.services.get(name)
        if service_state is None or not service_state.desired_up:
            continue
        pending = (i for i in service_state.instances.values() if i.status is Status.PENDING and i.restart_at > now)
        moments += (i.restart_at for i in pending)
        if (moment := rollout.next_moment(service_state, now)) is not None:
            moments.append(moment)
    return min(moments, default=None)


def _abandon(service_state: ServiceState, reason: str) -> Abandon:
    assert service_state.rollout is not None
    return Abandon(service_state.name, reason, service_state.rollout.failure_action)


def variant_of(service: Service, service_state: ServiceState) -> Variant | None:
    """Return the variant of `service` that the state has chosen, None when none can be had."""
    option = service_state.option
    return next((v for v in service.variants if option and v.name == option.variant), None)


def _stops(situation: Situation, service_state: ServiceState, *, force_stop: bool) -> Iterator[Stop]:
    name = service_state.name
    for instance in rollout.stopping_now(service_state, situation.now):
        if instance.pid:
            yield Stop(name, instance.id, service_state.cause)
    for instance in service_state.instances.values():
        if not _must_stop(service_state, instance):
            continue
        if force_stop or not any(_is_leaving(situation.state, n) for n in situation.graph.leaving_before(name)):
            yield Stop(name, instance.id, service_state.cause)


def _must_stop(service_state: ServiceState, instance: Instance) -> bool:
    lives = instance.is_alive and instance.pid != 0 and instance.status is not Status.STOPPING
    return lives and not service_state.wants(instance)


def _is_leaving(state: State, name: str) -> bool:
    """Whether a dependent still has something alive that is to go first."""
    service_state = state.services.get(name)
    if service_state is None:
        return False
    return any(i.is_alive and not service_state.wants(i) for i in service_state.instances.values())


def must_download(spec: Spec, variant: Variant) -> bool:
    """Tell whether a program of `variant` was not at hand when the manifest was read."""
    return any(tool not in spec.tools for tool in variant.tools)


def owes_fetch(service: Service, service_state: ServiceState) -> bool:
    """Tell whether `service` cannot start before its programs have been fetched."""
    variant = variant_of(service, service_state)
    is_unfetched = variant is not None and variant.must_be_fetched and service_state.tools is None
    return service_state.desired_up and service_state.replicas > 0 and is_unfetched


def _starts(situation: Situation, service_state: ServiceState, *, fetch_optional: bool) -> Iterator[Fetch | Start]:
    service = situation.spec.services[service_state.name]
    instances = service_state.instances.values()
    pending = [i for i in instances if i.status is Status.PENDING and i.restart_at <= situation.now]
    variant = variant_of(service, service_state) if pending else None
    if variant is None:
        return
    if owes_fetch(service, service_state):
        is_quick = not service.optional or not must_download(situation.spec, variant)
        if not service_state.fetching and (fetch_optional or is_quick):
            yield Fetch(service.name, variant.name, variant.tools)
        return
    restarts = [i for i in pending if i.generation == service_state.generation]  # after a crash: they wait for nobody
    if len(restarts) < len(pending) and waits_for(situation.graph, situation.state, service.name):
        pending = restarts
    yield from (Start(service.name, instance.id) for instance in pending)
