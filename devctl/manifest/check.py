"""Mistakes that show only when parts of a manifest are compared: names, rings, ports, profiles. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from devctl.core.launch import main_port
from devctl.core.spec import RESERVED, Port
from devctl.manifest.model import GrpcCheck, Healthcheck, HttpCheck, Manifest, Service
from devctl.manifest.problems import Location, Problems
from devctl.manifest.problems import ManifestError as ManifestError
from devctl.manifest.reader import Use, VolumeUse
from devctl.manifest.where import host_check

ENDLESS = ("always", "unless-stopped")
CHECKS = ("http", "tcp", "grpc", "test", "log")
TIMES = {"interval", "timeout", "retries", "start_interval", "start_period"}
Ports = Mapping[str, Mapping[str, Port]]
"""Service → name of the port → the port, recipes' ports included."""


def check_names(manifest: Manifest, ports: Ports, problems: Problems) -> None:
    """Note every name of a service or port that stands for nothing."""
    for name in sorted(RESERVED & manifest.services.locations.keys()):
        hint = f"call it something else; devctl's own {name} has this name"
        problems.add(manifest.services.locations[name], f'"{name}" is a reserved name', hint=hint)
    for name, service in manifest.services.items():
        for target in service.depends_on:
            if target not in manifest.services.locations:
                location = service.depends_on.locations[target]
                written = service.depends_on.written[target]
                problems.unknown(location, f"services.{name}.depends_on: no service", written, manifest.services)
        _check_ports(name, service, ports[name], problems)


def check_uses(uses: Iterable[Use], ports: Ports, problems: Problems) -> None:
    """Note every ${services.…} that stands for nothing."""
    for use in uses:
        if use.service not in ports:
            problems.unknown(use.location, "${services.…}: no service", use.service, ports)
        elif use.port not in ports[use.service]:
            names = ports[use.service]
            hint = "" if names else f"{use.service} has no ports: name one under `ports`"
            problems.unknown(use.location, f"{use.service} has no port", use.port, names, hint=hint)


def _check_ports(name: str, service: Service, ports: Mapping[str, Port], problems: Problems) -> None:
    if service.page and service.page not in ports:
        problems.unknown(service.at("page"), f"services.{name}.page: no port", service.written("page"), ports)
    if service.metrics and not main_port(ports):
        problems.add(service.at("metrics"), f"services.{name}.metrics needs a port named http, or just one port")
    has_base = service.has("uses")  # a recipe brings a check, whose times alone may be given
    if service.liveness:
        _check_healthcheck(f"services.{name}.liveness", service.liveness, ports, problems, has_base=False)
    if service.healthcheck:
        _check_healthcheck(f"services.{name}.healthcheck", service.healthcheck, ports, problems, has_base=has_base)
    if service.native and (check := service.native.healthcheck):
        has_base = host_check(service, ()) is not None
        _check_healthcheck(f"services.{name}.native.healthcheck", check, ports, problems, has_base=has_base)


def _check_healthcheck(
    path: str, check: Healthcheck, ports: Mapping[str, Port], problems: Problems, *, has_base: bool
) -> None:
    kinds = [kind for kind in CHECKS if check.has(kind)]
    if len(kinds) > 1:
        problems.add(check.at(kinds[1]), f"{path} has both {kinds[0]} and {kinds[1]}", hint="keep one of them")
    elif not kinds and not has_base and {key for key in check.nodes if not key.startswith("x-")} <= TIMES:
        problems.add(check.node.location, f"{path} does not say what to check", allowed=(*CHECKS, "disable"))
    if check.tcp and check.tcp not in ports:
        problems.unknown(check.at("tcp"), f"{path}.tcp: no port", check.written("tcp"), ports)
    if check.http:
        _check_port(f"{path}.http", check.http, ports, problems, hint="write http: {path: /…, port: NAME}")
    if check.grpc:
        _check_port(f"{path}.grpc", check.grpc, ports, problems, hint="write grpc: NAME")


def _check_port(
    path: str, check: HttpCheck | GrpcCheck, ports: Mapping[str, Port], problems: Problems, *, hint: str
) -> None:
    """Note a port that the service lacks; without a name there must be a main one."""
    if check.port and check.port not in ports:
        problems.unknown(check.at("port"), f"{path}: no port", check.written("port"), ports)
    elif not check.port and not main_port(ports):
        service = ".".join(path.split(".")[:2])
        hint = hint if ports else f"name one: {service}.ports: {{http: auto}}"
        problems.add(check.node.location, f"{path} needs a port named http, or just one port", hint=hint)


def check_front(manifest: Manifest, problems: Problems) -> None:
    """Note services that want a front and have no port that the relay could hold."""
    for name, service in manifest.services.items():
        if service.front and not service.ports.locations and not service.uses:
            message = f"services.{name}.front: it has no port that the relay could hold"
            problems.add(service.at("front"), message, hint=f"services.{name}.ports: {{http: auto}}")


def warn_of_endless_waits(manifest: Manifest, problems: Problems) -> None:
    """Warn of a service that waits for the end of one that is always started again."""
    for name, service in manifest.services.items():
        for target, dependency in service.depends_on.items():
            other = manifest.services.get(target)
            if other and dependency.condition == "service_completed_successfully" and other.restart in ENDLESS:
                message = f"services.{name} waits until {target} has ended, but its restart is {other.restart}"
                problems.warn(service.depends_on.locations[target], message, hint=f"services.{target}: {{restart: no}}")


def check_volumes(manifest: Manifest, uses: Iterable[VolumeUse], problems: Problems) -> None:
    """Note volumes that are not declared, where some are; the data of a recipe is a volume of its service's name."""
    if manifest.volumes is None:
        return
    declared = [*manifest.volumes.locations, *(name for name, service in manifest.services.items() if service.uses)]
    for use in uses:
        if use.volume not in declared:
            problems.unknown(use.location, "${volumes.…}: no volume", use.volume, declared)


def check_exporters(manifest: Manifest, problems: Problems) -> None:
    """Note exporters that name no address, or two."""
    for name, exporter in manifest.exporters.items():
        if exporter.has("otlp") == exporter.has("zipkin"):
            problems.add(exporter.node.location, f"exporters.{name} needs one of otlp and zipkin")


def check_rings(manifest: Manifest, problems: Problems) -> None:
    """Note every ring in the dependencies, named in full."""
    waits = {
        name: [d for d in service.depends_on if d in manifest.services] for name, service in manifest.services.items()
    }
    for ring in rings(waits):
        location = manifest.services[ring[0]].depends_on.locations[ring[1]]
        problems.add(location, f"services wait for each other: {' → '.join(ring)}", hint="one of them must not wait")


def rings(waits: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Return the rings of a graph, each closed by its first member; none shares a member with another."""
    left = {name: set(targets) for name, targets in waits.items()}
    closed = []
    while _strip(left):
        path = [next(iter(left))]
        while (following := next(n for n in waits[path[-1]] if n in left)) not in path:
            path.append(following)
        ring = path[path.index(following) :]
        closed.append([*ring, following])
        for name in ring:
            del left[name]
        for targets in left.values():
            targets.difference_update(ring)
    return closed


def _strip(left: dict[str, set[str]]) -> bool:
    """Take out everything that waits for nothing which is left; tell whether something remains."""
    dependents: dict[str, list[str]] = {}
    for name, targets in left.items():
        for target in targets:
            dependents.setdefault(target, []).append(name)
    free = [name for name, targets in left.items() if not targets]
    while free:
        name = free.pop()
        del left[name]
        for dependent in dependents.get(name, ()):
            left[dependent].discard(name)
            if not left[dependent]:
                free.append(dependent)
    return bool(left)


def check_requested(manifest: Manifest, names: Iterable[str], profiles: Iterable[str], problems: Problems) -> None:
    """Note services and profiles that were asked for on the command line but are in no manifest."""
    for name in names:
        if name not in RESERVED and name not in manifest.services.locations:
            problems.unknown(Location(""), "no service", name, manifest.services)
    declared = sorted({profile for service in manifest.services.values() for profile in service.profiles})
    for profile in profiles:
        if profile != "*" and profile not in declared:
            hint = "" if declared else "no service has a profile"
            problems.unknown(Location(""), "no service has the profile", profile, declared, hint=hint)


def active(manifest: Manifest, names: Collection[str], profiles: Collection[str]) -> list[str]:
    """Return the services that a command is about, in the manifest's order: those asked for (else all whose
    profiles allow it) with everything that they depend on, whatever its profile."""
    pending = list(names) or [
        name
        for name, service in manifest.services.items()
        if not service.profiles or "*" in profiles or set(service.profiles) & set(profiles)
    ]
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name in reached or name not in manifest.services:
            continue
        reached.add(name)
        depends_on = manifest.services[name].depends_on
        pending.extend(target for target, dependency in depends_on.items() if dependency.required)
    return [name for name in manifest.services if name in reached]


def check_ports(manifest: Manifest, running: Iterable[str], ports: Ports, problems: Problems) -> None:
    """Note fixed ports that two services would have at the same time."""
    holders: dict[int, str] = {}
    for name in running:
        for port in ports[name].values():
            if not port.number:
                continue
            here = f"{name}.{port.name}"
            there = holders.setdefault(port.number, here)
            if there != here:
                location = manifest.services[name].ports.locations.get(port.name, manifest.services.locations[name])
                problems.add(location, f"port {port.number} of {here} is taken by {there}", hint=f"{port.name}: auto")
