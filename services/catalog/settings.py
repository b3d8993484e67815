"""What catalog reads from its environment."""

from dataclasses import dataclass
from datetime import timedelta

from services.common.runtime.settings import Environment


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """The settings of catalog beside those of every service."""

    # With the sweep below it, a reservation that nobody confirms is over within 60 seconds.
    reservation_lifetime: timedelta
    sweep_seconds: float
    is_seeded: bool

    @classmethod
    def read(cls, env: Environment) -> "CatalogSettings":
        """Read RESERVATION_SECONDS, RESERVATION_SWEEP_SECONDS and CATALOG_SEED."""
        return cls(
            reservation_lifetime=timedelta(seconds=env.number("RESERVATION_SECONDS", 50.0)),
            sweep_seconds=env.number("RESERVATION_SWEEP_SECONDS", 2.0),
            is_seeded=env.switch("CATALOG_SEED", default=True),
        )
