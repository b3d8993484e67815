"""What is to be done now: the steps that the state of a stack calls for at this moment. Touches nothing.

Every change of the state is followed by one look here at what it concerns. So a start that waits, a restart
whose pause is over and a stop whose dependents are gone are all found in the same place, also by a supervisor
that took over from a dead one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from devctl.core.derived import waits_for
from devctl.core.order import Graph
from devctl.core.spec import Service, Spec, Variant
from devctl.core.state import Instance, ServiceState, State
from devctl.core.status import Status


@dataclass(frozen=True, slots=True)
class Fetch:
    """Have the native programs of a variant at hand."""

    service: str
    variant: str
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """Spawn an instance."""

    service: str
    instance: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop an instance and everything under it."""

    service: str
    instance: str
    cause: str = ""


Step = Fetch | Start | Stop


def due(
    spec: Spec, graph: Graph, state: State, names: Iterable[str], now: float, *,
    fetch_optional: bool = True, hurry: bool = False,
) -> list[Step]:  # fmt: skip
    """Return the steps that services `names` call for at `now` (seconds, monotonic).

    `fetch_optional`: whether downloads for optional services may begin. `hurry`: stop without order.
    """
    steps: list[Step] = []
    for name in names:
        found = state.services.get(name)
        if found is not None:
            steps += _stops(found, graph, state, hurry=hurry)
            if found.up and name in spec.services:
                steps += _starts(spec, found, graph, state, now, fetch_optional=fetch_optional)
    return steps


def next_restart(state: State, names: Iterable[str], now: float) -> float | None:
    """Return when the next pending restart of `names` is due, None when none is."""
    pending = (
        i.restart_at
        for name in names
        if (found := state.services.get(name)) and found.up
        for i in found.instances.values()
        if i.status is Status.PENDING and i.restart_at > now
    )
    return min(pending, default=None)


def variant_of(service: Service, found: ServiceState) -> Variant | None:
    """Return the variant of `service` that the state has chosen, None when none can be had."""
    option = found.option
    return next((v for v in service.variants if option and v.name == option.variant), None)


def _stops(found: ServiceState, graph: Graph, state: State, *, hurry: bool) -> Iterator[Stop]:
    for instance in found.instances.values():
        if not _must_stop(found, instance):
            continue
        if hurry or not any(_is_leaving(state, name) for name in graph.leaving_before(found.name)):
            yield Stop(found.name, instance.id, found.cause)


def _must_stop(found: ServiceState, instance: Instance) -> bool:
    lives = instance.is_alive and instance.pid != 0 and instance.status is not Status.STOPPING
    return lives and not found.wanted(instance)


def _is_leaving(state: State, name: str) -> bool:
    """Whether a dependent still has something alive that is to go first."""
    found = state.services.get(name)
    return found is not None and any(i.is_alive and not found.wanted(i) for i in found.instances.values())


def must_download(spec: Spec, variant: Variant) -> bool:
    """Tell whether a program of `variant` was not at hand when the manifest was read."""
    return any(tool not in spec.tools for tool in variant.tools)


def owes_fetch(service: Service, found: ServiceState) -> bool:
    """Tell whether `service` cannot start before its programs have been fetched."""
    variant = variant_of(service, found)
    return found.up and variant is not None and bool(variant.tools) and found.tools is None


def _starts(
    spec: Spec, found: ServiceState, graph: Graph, state: State, now: float, *, fetch_optional: bool
) -> Iterator[Fetch | Start]:
    service = spec.services[found.name]
    pending = [i for i in found.instances.values() if i.status is Status.PENDING and i.restart_at <= now]
    variant = variant_of(service, found) if pending else None
    if variant is None:
        return
    if owes_fetch(service, found):
        if not found.fetching and (fetch_optional or not service.optional or not must_download(spec, variant)):
            yield Fetch(service.name, variant.name, variant.tools)
        return
    blocked: bool | None = None
    for instance in pending:
        if instance.generation != found.generation:  # its first start; a restart after a crash waits for nobody
            if blocked is None:
                blocked = bool(waits_for(graph, state, service.name))
            if blocked:
                continue
        yield Start(service.name, instance.id)
