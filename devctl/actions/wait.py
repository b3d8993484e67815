"""`wait`: return when services are healthy, fail as soon as they cannot become so."""

from __future__ import annotations

from collections.abc import Sequence

from devctl.actions import names
from devctl.actions.access import StackAccess
from devctl.actions.failures import WaitFailed
from devctl.actions.time_limit import TimeIsOver, time_limit
from devctl.core.status import is_good
from devctl.errors import DevctlError
from devctl.text import clean, duration, listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import Item, ServiceView

HOPELESS = ("failed", "unavailable", "stopped")


def wait_until_healthy(
    stack: StackAccess, services: Sequence[str] = (), *, timeout_seconds: float | None = None
) -> None:
    """Return once `services` (none: everything that is not optional) are good; WaitFailed when they cannot be."""
    client = stack.running()
    if services:
        names.check_in_stack(client, services)
    awaited = _Awaited(services)
    try:
        with time_limit(client, timeout_seconds):
            for item in client.watch():
                awaited.update(item)
                if not awaited.is_complete:
                    continue
                if not (late := awaited.late()):
                    return
                if lost := [view["name"] for view in late if view["status"] in HOPELESS]:
                    what = f"{_listed(lost)} will not become healthy"
                    raise _failure(stack, what, lost, next="`devctl why` says more.")
    except TimeIsOver:
        late_names = [view["name"] for view in awaited.late()]
        what = f"not healthy after {duration(timeout_seconds or 0)}: {_listed(late_names)}"
        raise _failure(stack, what, late_names) from None
    raise DevctlError("the stack was stopped meanwhile", next="`devctl status` shows what is left.")


def _listed(services: Sequence[str]) -> str:
    return listing(map(clean, services))


class _Awaited:
    """The newest view of each service that is waited for."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = services
        self._newest: dict[str, ServiceView] = {}

    def update(self, item: Item) -> None:
        """Record what an item says."""
        views = item["status"]["services"] if "status" in item else item.get("services", [])
        self._newest.update((view["name"], view) for view in views)

    @property
    def is_complete(self) -> bool:
        """Whether every service that was named is known; the first item of a stream has them all."""
        return all(name in self._newest for name in self._services)

    def late(self) -> list[ServiceView]:
        """Return those that are not good yet."""
        return [view for view in self._views() if not is_good(view["status"], view["reason"])]

    def _views(self) -> list[ServiceView]:
        if self._services:
            return [self._newest[name] for name in self._services if name in self._newest]
        return [view for view in self._newest.values() if not view["optional"]]


def _failure(stack: StackAccess, what: str, services: Sequence[str], *, next: str = "") -> WaitFailed:
    session = stack.session()
    explanations = stack.why(session, services) if services else ()
    session.close()
    return WaitFailed(what, explanations=explanations, next=next)
