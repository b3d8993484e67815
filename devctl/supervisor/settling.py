"""When a request is over: nothing more happens to its services by itself, downloads for the optional apart."""

from __future__ import annotations

from collections.abc import Iterable

from devctl.core.decide import must_download, variant_of
from devctl.core.derived import is_settled
from devctl.core.status import Status
from devctl.supervisor.fetch import Downloads
from devctl.supervisor.loop import Loop


class Settling:
    """Tells from the loop's state what is still to come."""

    def __init__(self, loop: Loop, downloads: Downloads) -> None:
        self._loop = loop
        self._downloads = downloads

    def is_settled(self, names: Iterable[str]) -> bool:
        """Tell whether nothing more happens to `names` by itself, downloads for the optional apart."""
        statuses = self._loop.statuses
        return all(
            (is_settled(statuses, name) and not self._is_rolling(name)) or self.is_going_on(name) for name in names
        )

    def _is_rolling(self, name: str) -> bool:
        """Tell whether instances are being replaced, started or drained behind the address of a good service."""
        service_state = self._loop.state.services.get(name)
        if service_state is None or not service_state.desired_up:
            return False
        rollout = service_state.rollout
        is_draining = any(i.status is Status.STOPPING for i in service_state.instances.values())
        return is_draining or (rollout is not None and not rollout.is_paused)

    def is_going_on(self, name: str) -> bool:
        """Tell whether `name` is optional and still waits for its program, or for a service that does."""
        service, service_state = self._loop.spec.services.get(name), self._loop.state.services.get(name)
        derived = self._loop.statuses.get(name)
        if not (service and service.optional and service_state and derived):
            return False
        if derived.status is Status.BLOCKED:
            return any(self.is_going_on(other) for other in derived.waits_for)
        variant = variant_of(service, service_state)
        if derived.status is not Status.PENDING or service_state.tools is not None or variant is None:
            return False
        is_download = must_download(self._loop.spec, variant)
        return is_download and self._downloads.goes_on(name, begun=service_state.fetching)
