"""Gives the services of a stack their ports on this machine, and names who holds one that is taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from devctl.core.events import Event, Notice, PortsAllocated, VariantMissing
from devctl.core.ports import Allocation, Conflict, allocate, candidates
from devctl.core.spec import Service, Spec
from devctl.core.state import State
from devctl.errors import EnvironmentProblem


class Sockets(Protocol):
    """What is asked about ports of this machine; see `supervisor.sockets`."""

    def is_free(self, number: int) -> bool:
        """Tell whether a service could listen there now."""
        ...

    def owner(self, number: int) -> str:
        """Return who listens there, empty when it cannot be told."""
        ...

    def ephemeral_range(self) -> tuple[int, int]:
        """Return the ports that outgoing connections get, first and last."""
        ...


class Allocator:
    """Allocates over what the machine says; `first` is where this stack begins to look for free numbers."""

    def __init__(self, machine: Sockets, first: int) -> None:
        self._machine = machine
        self._first = first

    def allocate(self, spec: Spec, in_force: Spec, state: State, targets: set[str]) -> list[Event]:
        """Return the events that give all services their ports: what is not asked for may be referred to.

        EnvironmentProblem names fixed ports of `targets` that other processes hold; optional services do without.
        """
        held = _held_ports(in_force, state)
        numbers = candidates(self._first, self._machine.ephemeral_range())
        allocation = allocate(
            spec.services.values(), state.ports, lambda n: n in held or self._machine.is_free(n), numbers
        )
        without = self._without(spec, allocation, targets)
        return [*_allocated(allocation), *without]

    def _without(self, spec: Spec, allocation: Allocation, targets: set[str]) -> list[VariantMissing]:
        """Return which optional services must do without a port; raise for the others."""
        conflicts = [c for c in allocation.conflicts if c.service in targets]
        fatal = [c for c in conflicts if not spec.services[c.service].optional]
        if fatal:
            raise EnvironmentProblem(
                "; ".join(self._describe(c) for c in fatal),
                where=", ".join(dict.fromkeys(c.service for c in fatal)),
                next="Stop what holds it, give the service another port, or run a copy with `--isolated`.",
            )
        return [e for c in conflicts for e in _unavailable(spec.services[c.service], self._describe(c))]

    def _describe(self, conflict: Conflict) -> str:
        owner = self._machine.owner(conflict.port.number)
        return f"port {conflict.port.number} is held by {owner or 'another process, which this user may not see'}"


def _allocated(allocation: Allocation) -> Iterator[Event]:
    if allocation.ports:
        yield PortsAllocated(allocation.ports)
    for service, declared, number in allocation.moved:
        yield Notice(f"port {declared} of {service} is taken; it has {number} in this run", service)


def _unavailable(service: Service, reason: str) -> list[VariantMissing]:
    return [VariantMissing(service.name, v.name, reason, "Free the port.") for v in service.variants]


def _held_ports(spec: Spec, state: State) -> set[int]:
    """Return the numbers that belong to this stack already: of what lives, and what the keeper has bound."""
    held: set[int] = set()
    for name, service_state in state.services.items():
        service = spec.services.get(name)
        bound = {port.name for port in service.ports if port.inherited} if service else set()
        if service and service.is_relayed:
            held.update(state.ports.get(name, {}).values())
        for instance in service_state.instances.values():
            ports = state.ports.get(instance.id, {})
            held |= {n for port, n in ports.items() if instance.is_alive or (port in bound and instance.ended)}
    return held
