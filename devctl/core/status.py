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
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"


GOOD = frozenset({Status.RUNNING, Status.HEALTHY, Status.COMPLETED})
"""What counts as good for the exit code of `status`."""

SETTLED = GOOD | {Status.STOPPED, Status.FAILED, Status.UNAVAILABLE}
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
