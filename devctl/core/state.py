"""The state of a stack: what shall be and what is, instance by instance.

What changes it stands in `core.transitions`. What a person is told of it (one status per service, who waits for
whom) is derived in `core.derived`; what to do about it is decided in `core.decide`.
"""

from __future__ import annotations

from dataclasses import field

from devctl.core.events import Option
from devctl.core.faults import Fault
from devctl.core.spec import FailureAction, MissingVariant, UpdateOrder, stored_as
from devctl.core.status import GOOD, Kind, Status
from devctl.values import dataclass

HEALTHY_RESETS_PAUSE_SECONDS = 10.0
"""A service that stays good for so long has survived its start: its next crash is a new one, not the same again."""

NEVER = -1
"""The generation of what has yet to be started, in dependency order."""

LIVING = frozenset({Status.STARTING, Status.RUNNING, Status.HEALTHY, Status.UNHEALTHY, Status.PAUSED, Status.STOPPING})
PAUSABLE = frozenset({Status.STARTING, Status.RUNNING, Status.HEALTHY, Status.UNHEALTHY})


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance. Times are seconds of the monotonic clock, 0 where it did not come to that.

    `generation`: for which generation of its service it was started last, -1 before. `exits`: when it ended by
    itself, of late. `consecutive_restarts`: since the pause was last reset. Ends that a person asked for count in
    neither. `restart_at`: when a pending one is due. `signalled`: when a person last sent it a signal. `paused_as`: its
    status when it was paused, None while it is not.
    """

    id: str
    service: str
    number: int
    status: Status = Status.PENDING
    generation: int = NEVER
    pid: int = 0
    start_ticks: int = 0
    started_ns: int = 0
    container: str = ""
    spawned: float = 0.0
    good_since: float = 0.0
    first_good: float = 0.0
    restarts: int = 0
    exits: tuple[float, ...] = ()
    consecutive_restarts: int = stored_as("streak", default=0)
    restart_at: float = 0.0
    stop_began: float = 0.0
    stop_ended: float = 0.0
    signalled: float = 0.0
    exit_code: int | None = None
    ended: bool = False
    reason: str = ""
    remedy: str = stored_as("cure", default="")
    restarted_because: str = ""  # why it ended when it was last restarted by itself
    paused_as: Status | None = None
    liveness: str = ""  # what its liveness check said when it failed for good; it is restarted then
    is_held: bool = stored_as("held", default=False)  # a person stopped it alone; the others of its service run on

    @property
    def is_alive(self) -> bool:
        """Whether a process of it lives, as far as is known."""
        return self.status in LIVING

    @property
    def kind(self) -> Kind:
        """How it was started; its service may run another way meanwhile."""
        return Kind.CONTAINER if self.container else Kind.PROCESS

    @property
    def process_id(self) -> int:
        """The process that it is on this machine, 0 where there is none: a container is its engine's."""
        return 0 if self.container else self.pid

    @property
    def start_seconds(self) -> float | None:
        """How long the last start took from spawn to good, None before it was."""
        return self.first_good - self.spawned if self.first_good else None


@dataclass(frozen=True, slots=True)
class Rollout:
    """Instances are being replaced one after the other, from an earlier generation to the present one.

    `next_at`: when the next may begin. `is_rollback`: back to what it was. `is_paused`: after a failure, for good.
    """

    order: UpdateOrder
    parallelism: int = 1
    delay_seconds: float = 0.0
    monitor_seconds: float = 0.0
    failure_action: FailureAction = FailureAction.ROLLBACK
    from_generation: int = 0
    from_options: tuple[Option, ...] = ()
    next_at: float = 0.0
    is_rollback: bool = False
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service. `generation` grows whenever what lives must be replaced; `healthy_digest`: of the definition
    that has been good in this run; `removed`: it is no longer in the manifest; `missing`: variants that cannot be
    had; `fetch_began`, `fetch_ended`: when its programs were last looked for, in monotonic seconds.
    `last_generation`: the highest that was ever given. `rolled_back`: why the last replacement was taken back."""

    name: str
    desired_up: bool = stored_as("up", default=False)
    cause: str = ""
    removed: bool = stored_as("gone", default=False)
    generation: int = 0
    options: tuple[Option, ...] = ()
    missing: tuple[MissingVariant, ...] = ()
    replicas: int = 1
    fetching: bool = False
    fetch_began: float = 0.0
    fetch_ended: float = 0.0
    tools: dict[str, str] | None = None
    healthy_digest: str = stored_as("proven", default="")
    last_generation: int = 0
    rollout: Rollout | None = None
    rolled_back: str = ""
    instances: dict[str, Instance] = field(default_factory=dict)

    @property
    def option(self) -> Option | None:
        """The variant that runs or would run, None when none can be had."""
        return self.options[0] if self.options else None

    def wants(self, instance: Instance) -> bool:
        """Whether `instance` shall live, and in its present form."""
        if not self.desired_up or instance.is_held:
            return False
        if self.rollout is not None:  # which one stops next is decided in core.rollout
            return True
        if instance.generation != self.generation:
            return False
        return len(self.instances) <= self.replicas or instance.id in self._kept()

    def _kept(self) -> list[str]:
        """Return the instances that stay where there are too many: good ones first, then by their numbers."""
        present = (i for i in self.instances.values() if i.generation in (self.generation, NEVER))
        return [i.id for i in sorted(present, key=lambda i: (i.status not in GOOD, i.number))][: self.replicas]

    @property
    def instance_ids(self) -> list[str]:
        """The names of its instances, in the order of their numbers."""
        return [i.id for i in sorted(self.instances.values(), key=lambda instance: instance.number)]

    @property
    def expected(self) -> list[Instance]:
        """The instances that stand for the service: as many as it shall have, without those on their way and those
        that a person stopped alone."""
        present = [i for i in self.instances.values() if i.is_alive or not i.is_held]
        if len(present) <= self.replicas:
            return present

        def is_on_its_way(instance: Instance) -> bool:
            is_coming = self.rollout is not None and instance.status not in GOOD
            return instance.status is Status.STOPPING or is_coming

        ranked = sorted(present, key=lambda i: (is_on_its_way(i), i.number))
        return ranked[: self.replicas]


@dataclass(frozen=True, slots=True)
class State:
    """All of one run. `count` is how many events made it, `watches`: changed
    files restart their services."""

    run: str = ""
    stack: str = ""
    boot: str = ""
    ended: bool = False
    watches: bool = False
    count: int = 0
    services: dict[str, ServiceState] = field(default_factory=dict)
    ports: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)

    def instance(self, service: str, instance: str) -> Instance | None:
        """Return one instance, None when there is none of that id."""
        service_state = self.services.get(service)
        return service_state.instances.get(instance) if service_state else None

    @property
    def living(self) -> list[Instance]:
        """Every instance of which a process lives."""
        return [i for s in self.services.values() for i in s.instances.values() if i.is_alive]


def is_stable(instance: Instance, now: float) -> bool:
    """Tell whether the instance has been good for long enough that its restart pause begins anew."""
    return bool(instance.good_since) and now - instance.good_since >= HEALTHY_RESETS_PAUSE_SECONDS
