"""The one enum for how a service or an instance is doing, and the kinds of instance."""

from enum import StrEnum


class Status(StrEnum):
    """Where a service stands; `session` and every front end use these words and no others."""

    PENDING = "pending"
    BLOCKED = "blocked"
    STARTING = "starting"
    RUNNING = "running"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"


GOOD = frozenset({Status.RUNNING, Status.HEALTHY, Status.COMPLETED})
"""What counts as good for the exit code of `status`."""

SCALED_TO_ZERO = "scaled to 0"
"""The reason of a service that is stopped since it shall have no instance."""


def is_good(status: str, reason: str) -> bool:
    """Tell whether a service is as it shall be: good, or without an instance because it shall have none."""
    return status in GOOD or (status == Status.STOPPED and reason == SCALED_TO_ZERO)


SETTLED = GOOD | {Status.STOPPED, Status.FAILED, Status.UNAVAILABLE, Status.PAUSED}
"""Where nothing more happens by itself."""


class Kind(StrEnum):
    """How an instance runs."""

    PROCESS = "process"
    CONTAINER = "container"


VARIANTS = ("native", "container", "embedded")
"""The variants of a product in the order in which `auto` tries them: native is the same on every machine and light, a
container needs an engine, an emulator is the last resort."""

RUN_AS = ("auto", "container", "process", "native", "embedded")
"""What `run_as` and `--run-as` take."""


class Condition(StrEnum):
    """What a dependent waits for (Compose's words)."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"
