"""What order reads from its environment."""

from dataclasses import dataclass
from datetime import timedelta

from services.common.runtime.settings import Environment


@dataclass(frozen=True, slots=True)
class OrderSettings:
    """The settings of order beside those of every service."""

    # Shorter than what the gateway waits, so that a catalog that hangs is our own 500 and no 504 of the gateway.
    deadline_seconds: float
    cancel_wait_seconds: float
    detector_seconds: float
    stuck_after: timedelta

    @classmethod
    def read(cls, env: Environment) -> "OrderSettings":
        """Read ORDER_DEADLINE_SECONDS, ORDER_CANCEL_WAIT_SECONDS, ORDER_DETECTOR_SECONDS, ORDER_STUCK_SECONDS."""
        return cls(
            deadline_seconds=env.number("ORDER_DEADLINE_SECONDS", 3.0),
            cancel_wait_seconds=env.number("ORDER_CANCEL_WAIT_SECONDS", 1.5),
            detector_seconds=env.number("ORDER_DETECTOR_SECONDS", 1.0),
            stuck_after=timedelta(seconds=env.number("ORDER_STUCK_SECONDS", 30.0)),
        )
