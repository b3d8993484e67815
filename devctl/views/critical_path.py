"""What a start had to wait for: the longest chain of stops, fetches and starts, from the state alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from devctl.core.order import Graph
from devctl.core.spec import Dependency
from devctl.core.state import ServiceState
from devctl.core.status import Condition
from devctl.session.protocol import PathView
from devctl.values import dataclass
from devctl.views.snapshot import StackSnapshot

_NOTABLE_SECONDS = 0.05  # a shorter fetch met its program in the cache


@dataclass(frozen=True, slots=True)
class _Link:
    """One step: how long it took by itself, and together with the longest chain before it."""

    service: str
    step: str
    seconds: float
    before: _Link | None

    @property
    def whole(self) -> float:
        return self.seconds + (self.before.whole if self.before else 0.0)


def critical_path(snapshot: StackSnapshot, names: Collection[str], since: float) -> list[PathView]:
    """Return the longest chain of stop, fetch, and spawn to good among `names` after `since`, first to last."""
    services = {n: s for n in snapshot.graph.order() if n in names and (s := snapshot.state.services.get(n))}
    fetches, stops = _fetches(services.values(), since), _stops(services, snapshot.graph, since)
    starts: dict[str, _Link] = {}
    for name, service_state in services.items():
        if took := _longest_start(service_state, since):
            before = [link for d in snapshot.graph.needs[name] if (link := _waited_for(d, starts))]
            before += [links[name] for links in (fetches, stops) if name in links]
            starts[name] = _Link(name, "start", took, _longest(before))
    return [_view(link) for link in _chain(_longest(starts.values()))]


def _waited_for(dependency: Dependency, starts: dict[str, _Link]) -> _Link | None:
    """Return the chain that a dependent waited for: where a start is enough, only what came before that start."""
    link = starts.get(dependency.service)
    return link.before if link and dependency.condition is Condition.STARTED else link


def _fetches(services: Iterable[ServiceState], since: float) -> dict[str, _Link]:
    """Return the fetches that ended after `since`; one that began when others had ended came after these."""
    done = [s for s in services if s.fetch_ended - max(s.fetch_began, since) >= _NOTABLE_SECONDS]
    links: dict[str, _Link] = {}
    for service_state in sorted(done, key=lambda s: s.fetch_began):
        earlier = [links[s.name] for s in done if s.name in links and s.fetch_ended <= service_state.fetch_began]
        took = service_state.fetch_ended - max(service_state.fetch_began, since)
        links[service_state.name] = _Link(service_state.name, "fetch", took, _longest(earlier))
    return links


def _stops(services: dict[str, ServiceState], graph: Graph, since: float) -> dict[str, _Link]:
    """Return the stops after `since`; dependents stop first."""
    links: dict[str, _Link] = {}
    for name, service_state in reversed(services.items()):
        took = [
            i.stop_ended - i.stop_began
            for i in service_state.instances.values()
            if i.stop_ended > i.stop_began >= since
        ]
        if took:
            before = [links[other] for other in graph.dependents[name] if other in links]
            links[name] = _Link(name, "stop", max(took), _longest(before))
    return links


def _longest_start(service_state: ServiceState, since: float) -> float:
    took = [i.first_good - max(i.spawned, since) for i in service_state.instances.values() if i.first_good > since]
    return max(took, default=0.0)


def _longest(links: Iterable[_Link]) -> _Link | None:
    return max(links, key=lambda link: link.whole, default=None)


def _chain(last: _Link | None) -> Iterator[_Link]:
    if last:
        yield from _chain(last.before)
        yield last


def _view(link: _Link) -> PathView:
    return {
        "service": link.service,
        "step": link.step,
        "seconds": round(link.seconds, 3),
        "ready_seconds": round(link.whole, 3),
    }
