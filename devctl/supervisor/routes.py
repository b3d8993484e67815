"""What the relay is told, decided without telling it: its service, and the table that follows from the state."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import devctl
from devctl.core.checks import HttpCheck
from devctl.core.faults import Fault
from devctl.core.launch import Ports
from devctl.core.spec import RELAY, Port, RestartCondition, RestartPolicy, Service, Spec, Variant
from devctl.core.spec import placeholder as ref
from devctl.core.state import Instance, ServiceState
from devctl.core.status import Kind, Status
from devctl.relay.table import Route, Table, Target, TargetState

CONTROL_SOCKET = "relay.sock"
_PROGRAM = Path(devctl.__file__).parent / "relay" / "__main__.py"
_READY = frozenset({Status.HEALTHY, Status.RUNNING})


def with_relay(spec: Spec) -> Spec:
    """Return `spec` with the relay among its services, where it has something to relay."""
    if RELAY in spec.services or not any(spec.services[name].is_relayed for name in spec.active):
        return spec
    return replace(spec, services={RELAY: _service(spec.folder), **spec.services}, active=(RELAY, *spec.active))


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
    )  # fmt: skip
    return Service(
        name=RELAY,
        variants=(variant,),
        ports=(Port("http", 0, inherited=True),),
        # Whatever ends it, connections wait in its sockets for the next one: it comes back at once, always.
        restart=RestartPolicy(RestartCondition.ALWAYS, delay_seconds=0.0, max_attempts=100),
        metrics="/metrics",
        telemetry=False,
    )


def make_table(spec: Spec, services: Mapping[str, ServiceState], ports: Ports, faults: Iterable[Fault]) -> Table:
    """Return where connections to each shared port go now."""
    routes = [
        Route(name, port, number, tuple(_targets(services.get(name), port, ports)))
        for name, service in spec.services.items()
        if service.is_relayed
        for port, number in ports.get(name, {}).items()
    ]
    return Table(tuple(routes), tuple(faults))


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
