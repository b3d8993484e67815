"""Which number each named port of each instance gets: a decision over what a probe says is free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from devctl.core.launch import Ports, instance_name, ports_of
from devctl.core.spec import Port, Service
from devctl.errors import EnvironmentProblem
from devctl.values import dataclass

LOWEST, HIGHEST = 10240, 65535


@dataclass(frozen=True, slots=True)
class Conflict:
    """A fixed port that somebody else holds."""

    service: str
    port: Port


@dataclass(frozen=True, slots=True)
class Allocation:
    """The ports of the instances that had none or other ones, and what is taken."""

    ports: dict[str, dict[str, int]]
    conflicts: tuple[Conflict, ...] = ()
    moved: tuple[tuple[str, int, int], ...] = ()  # service, declared number, number it has: inherited ports give way


def allocate(
    services: Iterable[Service], settled: Ports, is_free: Callable[[int], bool], candidates: Iterator[int]
) -> Allocation:
    """Return numbers for every port of `services` that `settled` has no number for.

    A fixed number is kept or it is a conflict; an inherited one gives way to the next that is free; any other
    comes from `candidates`. `is_free` says yes to what the stack itself holds.
    """
    services = tuple(services)
    fixed = frozenset(
        port.number for service in services for port in _all_ports(service) if port.number and not port.inherited
    )
    used = set(fixed) | {number for ports in settled.values() for number in ports.values()}
    taking = _Taking(is_free, candidates, fixed, used)
    allocated: dict[str, dict[str, int]] = {}
    for service in services:
        for holder, ports in _holders(service):
            before = settled.get(holder, {})
            numbers = {port.name: taking.take(service, port, before.get(port.name)) for port in ports}
            if numbers != before:
                allocated[holder] = numbers
    return Allocation(allocated, tuple(taking.conflicts), tuple(taking.moved))


def _holders(service: Service) -> Iterator[tuple[str, list[Port]]]:
    """Yield who needs numbers for which ports: each instance; and where it is relayed the service itself, whose
    number the relay holds, while any number will do for its instances and for those that replace them."""
    ports = list(_all_ports(service))
    count = max(service.replicas, 1)  # one at least, for those that refer to its address
    if service.is_relayed:
        yield service.name, [port for port in service.ports if not port.inherited]
        shared = {port.name for port in service.ports}
        ports = [replace(port, number=0) if port.name in shared else port for port in ports]
        count += min(service.update.parallelism, max(service.replicas, 1))
    for number in range(1, count + 1):
        yield instance_name(service.name, number), ports


def _all_ports(service: Service) -> Iterable[Port]:
    """Return the ports of all variants, since another one may have to be fallen back to; and those that others may
    refer to even where no variant can be had."""
    shared = {port.name: port for port in service.ports}
    return (shared | {port.name: port for variant in service.variants for port in ports_of(service, variant)}).values()


class _Taking:
    """The numbers taken so far in one allocation, and what went wrong. An instance that had a `fixed` number, before
    its service was relayed, gives it up: the relay holds it."""

    def __init__(
        self, is_free: Callable[[int], bool], candidates: Iterator[int], fixed: frozenset[int], used: set[int]
    ) -> None:
        self._is_free = is_free
        self._candidates = candidates
        self._used = used
        self._fixed = fixed
        self.conflicts: list[Conflict] = []
        self.moved: list[tuple[str, int, int]] = []

    def take(self, service: Service, port: Port, before: int | None) -> int:
        """Return the number of one port; `before` is the one that it had so far in this run."""
        if port.number and not port.inherited:
            if not self._is_free(port.number):
                self.conflicts.append(Conflict(service.name, port))
            return port.number
        if before is not None and before not in self._fixed and self._is_free(before):
            return before
        if port.number and port.number not in self._used and self._is_free(port.number):
            self._used.add(port.number)
            return port.number
        number = self._next_free(port.number)
        if port.number:
            self.moved.append((service.name, port.number, number))
        return number

    def _next_free(self, after: int) -> int:
        """Return the first free number: beside the declared one, which was taken, else from the candidates."""
        near = range(after + 1, after + 100) if after else ()
        for number in chain(near, self._candidates):
            if number not in self._used and self._is_free(number):
                self._used.add(number)
                return number
        raise EnvironmentProblem("no free port is left", next="Stop what listens on this machine's loopback.")


def candidates(start: int, ephemeral: tuple[int, int]) -> Iterator[int]:
    """Yield each port outside the `ephemeral` range once, from `start` on and round about.

    Numbers inside it are given to outgoing connections, so that one of them may be taken at any moment.
    """
    low, high = ephemeral
    outside = [n for n in range(LOWEST, HIGHEST + 1) if not low <= n <= high] or list(range(LOWEST, HIGHEST + 1))
    first = start % len(outside)
    yield from outside[first:]
    yield from outside[:first]
