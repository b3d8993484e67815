"""`wait`: return when services are healthy, fail as soon as they cannot become so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypedDict

from devctl.actions import names
from devctl.actions.access import StackAccess
from devctl.actions.failures import WaitFailed
from devctl.actions.time_limit import TimeIsOver, time_limit
from devctl.core.selection import split
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
        names.check_instances(client, services)
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


class Awaitable(TypedDict):
    """What of the view of a service or an instance says whether it is good."""

    name: str
    status: str
    reason: str


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
        return all(split(name)[0] in self._newest for name in self._services)

    def late(self) -> list[Awaitable]:
        """Return those that are not good yet."""
        return [view for view in self._views() if not is_good(view["status"], view["reason"])]

    def _views(self) -> Iterator[Awaitable]:
        if not self._services:
            yield from (_awaitable(view) for view in self._newest.values() if not view["optional"])
        for name in self._services:
            service, is_instance = split(name)
            if service in self._newest:
                yield self._instance(service, name) if is_instance else _awaitable(self._newest[service])

    def _instance(self, service: str, name: str) -> Awaitable:
        """Return an instance as what is waited for; one that is gone, as after `scale`, is stopped."""
        views = {view["id"]: view for view in self._newest[service]["instances"]}
        view = views.get(name)
        return {
            "name": name,
            "status": view["status"] if view else "stopped",
            "reason": view["reason"] if view else "there is no such instance any more",
        }


def _awaitable(view: ServiceView) -> Awaitable:
    return {"name": view["name"], "status": view["status"], "reason": view["reason"]}


def _failure(stack: StackAccess, what: str, services: Sequence[str], *, next: str = "") -> WaitFailed:
    session = stack.session()
    explained = list(dict.fromkeys(split(name)[0] for name in services))
    explanations = [view for view in stack.why(session, explained) if view["chain"]] if explained else ()
    session.close()
    return WaitFailed(what, explanations=explanations, next=next)
