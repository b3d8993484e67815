"""Who waits for whom: the graph of a specification, its order, its rings, and whom a name draws along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from devctl.core.spec import RESERVED, Dependency, Service
from devctl.core.status import Condition
from devctl.values import dataclass


@dataclass(frozen=True)
class Graph:
    """Dependencies in both directions; only services that exist appear. `jobs` are awaited to complete."""

    needs: Mapping[str, tuple[Dependency, ...]]
    dependents: Mapping[str, tuple[str, ...]]
    jobs: frozenset[str]

    def order(self) -> list[str]:
        """Return all services, each after everything that it depends on, else as declared; a ring ends anywhere."""
        done: dict[str, None] = {}
        for name in self.needs:
            self._visit(name, done, set())
        return list(done)

    def leaving_before(self, name: str) -> Iterable[str]:
        """Return who must be gone before `name` stops: its dependents; before the relay all whose connections it may
        carry, before the hub all, for their last spans."""
        if name not in RESERVED:
            return self.dependents.get(name, ())
        return (n for n in self.needs if n not in RESERVED)

    def _visit(self, name: str, done: dict[str, None], entered: set[str]) -> None:
        """Depth first without recursion, so that a chain of thousands is no trouble."""
        stack = [name]
        while stack:
            top = stack[-1]
            waiting = [d.service for d in self.needs[top] if d.service not in done and d.service not in entered]
            entered.add(top)
            if waiting and top not in done:
                stack.extend(reversed(waiting))
            else:
                done.setdefault(top)
                stack.pop()

    def with_needed(self, names: Iterable[str]) -> set[str]:
        """Return `names` and everything that they depend on, directly or not."""
        return _closure(names, lambda name: (d.service for d in self.needs[name] if d.required))

    def with_dependents(self, names: Iterable[str]) -> set[str]:
        """Return `names` and everything that depends on them, directly or not."""
        return _closure(names, lambda name: self.dependents[name])


def graph(services: Mapping[str, Service]) -> Graph:
    """Return the graph of `services`; dependencies on what is not among them are left out."""
    needs = {name: tuple(d for d in s.depends_on if d.service in services) for name, s in services.items()}
    dependents: dict[str, list[str]] = {name: [] for name in services}
    for name, dependencies in needs.items():
        for dependency in dependencies:
            dependents[dependency.service].append(name)
    jobs = frozenset(d.service for ds in needs.values() for d in ds if d.condition is Condition.COMPLETED)
    return Graph(needs, {name: tuple(names) for name, names in dependents.items()}, jobs)


def ring(services: Mapping[str, Service]) -> list[str]:
    """Return a ring of dependencies in full, such as [a, b, a]; empty when there is none."""
    needs = graph(services).needs
    finished: set[str] = set()
    for start in needs:
        if path := _ring_from(start, needs, finished):
            return path
    return []


def _ring_from(start: str, needs: Mapping[str, tuple[Dependency, ...]], finished: set[str]) -> list[str]:
    if start in finished:
        return []
    path, at = [start], {start: 0}
    open_ends = [iter(needs[start])]
    while path:
        dependency = next(open_ends[-1], None)
        if dependency is None:
            finished.add(path[-1])
            del at[path.pop()]
            open_ends.pop()
        elif dependency.service in at:
            return [*path[at[dependency.service] :], dependency.service]
        elif dependency.service not in finished:
            at[dependency.service] = len(path)
            path.append(dependency.service)
            open_ends.append(iter(needs[dependency.service]))
    return []


def _closure(names: Iterable[str], more: Callable[[str], Iterable[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(more(name))
    return reached
