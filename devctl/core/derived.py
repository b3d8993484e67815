"""The derived status of a service: one status, its reason, and what it waits for, all from the state."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from devctl.core.order import Graph
from devctl.core.spec import Dependency
from devctl.core.state import Instance, ServiceState, State
from devctl.core.status import GOOD, SCALED_TO_ZERO, Condition, Status, is_good
from devctl.text import listing
from devctl.values import dataclass

# The worst of its instances is the status of a service: the first of these that one of them has.
_WORST_FIRST = (
    Status.FAILED, Status.UNHEALTHY, Status.PAUSED, Status.STOPPING, Status.PENDING, Status.STARTING, Status.STOPPED,
    Status.RUNNING, Status.HEALTHY, Status.COMPLETED,
)  # fmt: skip

_HOPELESS = frozenset({Status.FAILED, Status.UNAVAILABLE, Status.STOPPED, Status.UNHEALTHY, Status.PAUSED})
_RESTING = GOOD | _HOPELESS


@dataclass(frozen=True, slots=True)
class DerivedStatus:
    """One service as people see it."""

    status: Status
    reason: str = ""
    remedy: str = ""
    waits_for: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the service is as it shall be."""
        return is_good(self.status, self.reason)


def derive_status(graph: Graph, state: State, name: str) -> DerivedStatus:
    """Return the status of service `name`; one that nobody asked for is stopped."""
    service = state.services.get(name)
    if service is None:
        return DerivedStatus(Status.STOPPED)
    if not service.desired_up:
        return DerivedStatus(_status_down(service))
    if not service.replicas:
        return _scaled_to_zero(service)
    if not service.options:
        return _unavailable(service)
    worst = _worst(service)
    if worst is None:
        return DerivedStatus(Status.PENDING)
    if worst.status is Status.PENDING:
        return _pending(graph, state, service, worst)
    if service.rolled_back and worst.status in GOOD:
        return DerivedStatus(worst.status, f"its last change was taken back: {service.rolled_back}")
    if worst.status in GOOD and (held := [i.id for i in service.instances.values() if i.is_held]):
        return DerivedStatus(worst.status, f"without {listing(held)}, stopped by request")
    return DerivedStatus(worst.status, worst.reason, worst.remedy)


def _status_down(service: ServiceState) -> Status:
    statuses = {i.status for i in service.instances.values()}
    if any(i.is_alive for i in service.instances.values()):
        return Status.STOPPING
    return Status.COMPLETED if statuses == {Status.COMPLETED} else Status.STOPPED


def _scaled_to_zero(service: ServiceState) -> DerivedStatus:
    is_leaving = any(i.is_alive for i in service.instances.values())
    remedy = "Say how many there shall be with deploy.replicas in the manifest, then `devctl up`."
    return DerivedStatus(Status.STOPPING if is_leaving else Status.STOPPED, SCALED_TO_ZERO, remedy)


def _unavailable(service: ServiceState) -> DerivedStatus:
    reason = "; ".join(f"{m.variant}: {m.reason}" for m in service.missing) or "no variant of it is offered"
    return DerivedStatus(Status.UNAVAILABLE, reason, next((m.remedy for m in service.missing if m.remedy), ""))


def _worst(service: ServiceState) -> Instance | None:
    return min(service.expected, key=lambda i: _WORST_FIRST.index(i.status), default=None)


def _pending(graph: Graph, state: State, service: ServiceState, instance: Instance) -> DerivedStatus:
    if instance.restart_at:
        return DerivedStatus(Status.PENDING, instance.reason)
    if waits := waits_for(graph, state, service.name):
        return DerivedStatus(Status.BLOCKED, "waits for " + ", ".join(waits), waits_for=waits)
    return DerivedStatus(Status.PENDING, "its program is being fetched" if service.fetching else "")


def waits_for(graph: Graph, state: State, name: str) -> tuple[str, ...]:
    """Return the services whose condition keeps `name` from starting."""
    return tuple(d.service for d in graph.needs.get(name, ()) if not is_satisfied(state, d))


def is_satisfied(state: State, dependency: Dependency) -> bool:
    """Tell whether a dependency lets its dependent start. What nobody asked for, or shall have no instance, is not
    waited for."""
    service = state.services.get(dependency.service)
    if service is None or not service.desired_up or not service.replicas:
        return True
    if not service.options:
        return not dependency.required
    expected = service.expected
    if not dependency.required and any(i.status is Status.FAILED for i in expected):
        return True
    return all(_meets(i, dependency.condition, service.generation) for i in expected)


def _meets(instance: Instance, condition: Condition, generation: int) -> bool:
    if instance.generation != generation:
        return False
    if condition is Condition.COMPLETED:
        return instance.status is Status.COMPLETED
    if condition is Condition.HEALTHY:
        return instance.status in GOOD
    return instance.status in GOOD or (instance.is_alive and instance.pid != 0)


def is_settled(statuses: Mapping[str, DerivedStatus], name: str) -> bool:
    """Tell whether nothing more happens to `name` by itself: it rests, or waits for something that will not come."""
    derived = statuses.get(name)
    if derived is None or derived.status in _RESTING:
        return True
    return derived.status is Status.BLOCKED and _is_stuck(statuses, derived.waits_for)


def _is_stuck(statuses: Mapping[str, DerivedStatus], waits_for: Collection[str]) -> bool:
    """Whether everything that is waited for has failed, rests, or is stuck itself; a job that runs is none of it."""
    seen: set[str] = set()
    waiting = list(waits_for)
    while waiting:
        name = waiting.pop()
        derived = statuses.get(name)
        if name in seen or derived is None or derived.status in _HOPELESS:
            continue
        seen.add(name)
        if derived.status is not Status.BLOCKED:
            return False
        waiting.extend(derived.waits_for)
    return True


def is_healthy(statuses: Mapping[str, DerivedStatus], optional: Collection[str]) -> bool:
    """Tell whether everything but the optional is good."""
    return all(s.is_good for name, s in statuses.items() if name not in optional)


def overall_status(statuses: Mapping[str, DerivedStatus], optional: Collection[str]) -> str:
    """Return the status of a whole stack: healthy, unhealthy, starting, stopping or stopped."""
    needed = [s for name, s in statuses.items() if name not in optional]
    present = {s.status for s in needed}
    if needed and all(s.is_good for s in needed):
        return "healthy"
    if present <= {Status.STOPPED, Status.COMPLETED}:
        return "stopped"
    if Status.STOPPING in present:
        return "stopping"
    if all(is_settled(statuses, name) for name in statuses if name not in optional):
        return "unhealthy"
    return "starting"
