"""What the HTTP middleware needs of the service behind it."""

from collections.abc import Callable
from typing import Protocol

from starlette.types import Scope

from services.common.http.faults import Faults
from services.common.http.health import Ready
from services.common.runtime.logs import Logger
from services.common.runtime.metrics import Metrics
from services.common.runtime.settings import Settings
from services.common.runtime.telemetry import Telemetry

# The template of the route that a request is for, nothing where there is none.
FindRoute = Callable[[Scope], str]


class EdgeContext(Protocol):
    """The part of a service that its middleware and operational routes work with."""

    settings: Settings
    log: Logger
    metrics: Metrics
    telemetry: Telemetry
    faults: Faults
    find_route: FindRoute

    async def readiness(self) -> Ready:
        """Say whether work may be sent here."""

    def metrics_page(self) -> bytes:
        """Return the metrics as text."""

    async def apply_faults(self) -> None:
        """Start the faults that no request triggers."""
