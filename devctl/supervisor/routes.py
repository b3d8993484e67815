"""What the relay is told, decided without telling it: its service, and the table that follows from the state."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import devctl
from devctl.core.checks import HttpCheck
from devctl.core.faults import Fault
from devctl.core.launch import Ports, instance_name
from devctl.core.spec import RELAY, Port, RestartCondition, RestartPolicy, Service, Spec, Variant
from devctl.core.spec import placeholder as ref
from devctl.core.state import Instance, ServiceState
from devctl.core.status import Kind, Status
from devctl.relay.table import Route, Table, Target, TargetState

CONTROL_SOCKET = "relay.sock"
NETWORK_FOLDER = "net"
"""In the runtime folder: the relay's sockets for containers."""
_PROGRAM = Path(devctl.__file__).parent / "relay" / "__main__.py"
_READY = frozenset({Status.HEALTHY, Status.RUNNING})
_LIVENESS = HttpCheck(port="http", path="/health", interval_seconds=2.0, timeout_seconds=5.0, retries=3)
"""A relay that hangs holds up every address: it is replaced within half a minute. A busy machine is no reason."""


def with_relay(spec: Spec) -> Spec:
    """Return `spec` with the relay among its services, where it has something to relay, or containers to answer to."""
    active = [spec.services[name] for name in spec.active]
    if RELAY in spec.services or not any(service.is_relayed or _may_be_container(service) for service in active):
        return spec
    return replace(spec, services={RELAY: _service(spec.folder), **spec.services}, active=(RELAY, *spec.active))


def _may_be_container(service: Service) -> bool:
    return any(variant.kind is Kind.CONTAINER for variant in service.variants)


def keep_relayed(spec: Spec, in_force: Spec) -> Spec:
    """Return `spec` with those relayed that were so before: to go back to a direct address would restart them."""
    before = in_force.services
    kept = {n: replace(s, front=True) for n, s in spec.services.items() if n in before and before[n].is_relayed}
    return replace(spec, services={**spec.services, **kept}) if kept else spec


def scaled(spec: Spec, counts: Mapping[str, int]) -> Spec:
    """Return `spec` with so many instances of services; one that is relayed stays so with a single one."""
    services = dict(spec.services)
    for name, count in counts.items():
        service = services[name]
        services[name] = replace(service, replicas=count, front=service.is_relayed)
    return replace(spec, services=services)


def _service(folder: str) -> Service:
    variant = Variant(
        name="process",
        kind=Kind.PROCESS,
        argv=(
            sys.executable, "-I", "-S", str(_PROGRAM), "--state", f"{ref('run.folder')}/relay.json",
            "--control", f"{ref('runtime.folder')}/{CONTROL_SOCKET}", "--metrics", ref(f"services.{RELAY}.http.port"),
        ),
        working_dir=folder,
        check=HttpCheck(port="http", path="/health"),
        liveness=_LIVENESS,
    )  # fmt: skip
    return Service(
        name=RELAY,
        variants=(variant,),
        ports=(Port("http", 0, inherited=True),),
        stop_grace_seconds=1.0,  # it ends at once by SIGTERM, unless it hangs
        # Whatever ends it, connections wait in its sockets for the next one: it comes back at once, always.
        restart=RestartPolicy(RestartCondition.ALWAYS, delay_seconds=0.0, max_attempts=100),
        metrics="/metrics",
        telemetry=False,
    )


def make_table(
    spec: Spec, services: Mapping[str, ServiceState], ports: Ports, faults: Iterable[Fault], network: str = ""
) -> Table:
    """Return where connections to each shared port go now, and to every other that containers know (`network`)."""
    routes = [
        Route(name, port, number, tuple(_targets(services.get(name), port, ports)))
        for name, service in spec.services.items()
        if service.is_relayed
        for port, number in ports.get(name, {}).items()
    ]
    if not any(_may_be_container(service) for service in spec.services.values()):
        return Table(tuple(routes), tuple(faults))
    routes += [
        Route(name, port, number, (Target(instance, number),))
        for name, service in spec.services.items()
        if not service.is_relayed and not _is_container(services.get(name))
        for instance in instances_of(service, services.get(name))
        for port, number in ports.get(instance, {}).items()
    ]
    return Table(tuple(routes), tuple(faults), network)


def forwards(spec: Spec, services: Mapping[str, ServiceState], ports: Ports) -> dict[str, tuple[int, ...]]:
    """Return the names and numbers that the forwarder of a stack answers to containers: all that are no containers."""
    names: dict[str, tuple[int, ...]] = {}
    for name, service in spec.services.items():
        if service.is_relayed:
            names[name] = tuple(ports.get(name, {}).values())
        elif not _is_container(services.get(name)):
            instances = instances_of(service, services.get(name))
            names[name] = tuple(n for instance in instances for n in ports.get(instance, {}).values())
    return {name: numbers for name, numbers in names.items() if numbers and name != RELAY}


def instances_of(service: Service, state: ServiceState | None) -> list[str]:
    """Return the ids of the instances that a service has, else of those that it shall have."""
    there = list(state.instances) if state else []
    return there or [instance_name(service.name, n + 1) for n in range(service.replicas)]


def _is_container(service: ServiceState | None) -> bool:
    return bool(service and service.option and service.option.variant == Kind.CONTAINER)


def _targets(service: ServiceState | None, port: str, ports: Ports) -> Iterable[Target]:
    for instance in service.instances.values() if service else ():
        number = ports.get(instance.id, {}).get(port)
        if instance.is_alive and instance.pid and number is not None:
            yield Target(instance.id, number, _state(instance))


def _state(instance: Instance) -> TargetState:
    if instance.status is Status.STOPPING:
        return TargetState.DRAINING
    is_ready = instance.status in _READY and not instance.liveness
    return TargetState.READY if is_ready else TargetState.UNREADY
