"""One start of one instance with every reference resolved: what a runner needs and nothing else.

References are resolved from the ports of the run and the paths of native programs.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import field, replace
from types import MappingProxyType
from typing import cast

from devctl.core import telemetry
from devctl.core.container import Container, Mount
from devctl.core.spec import HUB, MARK, RELAY, File, Port, Service, Spec, Variant, substitute
from devctl.core.status import Kind
from devctl.values import dataclass

HOST = "127.0.0.1"
HUB_PORT = "otlp"
HUB_GRPC_PORT = "otlp_grpc"


@dataclass(frozen=True, slots=True)
class ContainerLaunch:
    """What only a container needs. `published` are pairs of a port inside and its number on this machine's loopback;
    `aliases` are its names on the network of the stack; `is_checked`: devctl asks whether it is ready."""

    engine: str
    stack: str
    folder: str
    image: str
    options: Container
    manifests: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    published: tuple[tuple[int, int], ...] = ()
    aliases: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    is_checked: bool = False
    image_id: str = ""  # of an image that was built here, as it was when the stack was handed over
    forwards: dict[str, tuple[int, ...]] = field(default_factory=dict)  # names and numbers that processes answer to
    network_folder: str = ""  # with the relay's sockets for them


@dataclass(frozen=True, slots=True)
class Launch:
    """All that a runner must know to start one instance. `instance` is SERVICE.N, N from 1."""

    instance: str
    service: str
    run: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    working_dir: str
    log_folder: str
    ports: dict[str, int] = field(default_factory=dict)
    inherited: dict[str, int] = field(default_factory=dict)  # port name → number the keeper binds and hands over
    handed: tuple[int, ...] = ()  # numbers whose sockets the keeper hands over later, see core.launch.shared_ports
    stop_signal: str = "SIGTERM"
    log_bytes: int = 256 << 20
    container: ContainerLaunch | None = None


Ports = Mapping[str, Mapping[str, int]]
"""The numbers of the named ports, per instance."""


def instance_name(service: str, number: int) -> str:
    """Return the id of the instance `number` (from 1) of `service`."""
    return f"{service}.{number}"


def ports_of(service: Service, variant: Variant) -> tuple[Port, ...]:
    """Return every port that this variant of the service has."""
    return (*(port for port in service.ports if port.name not in variant.unserved), *variant.ports)


def shared_ports(spec: Spec, ports: Ports) -> list[int]:
    """Return the numbers that the relay holds."""
    return [n for name, s in spec.services.items() if s.is_relayed for n in ports.get(name, {}).values()]


def addresses(
    spec: Spec, ports: Ports, instances: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> dict[str, str]:
    """Return what `services.NAME.PORT[.host|.port|.all]` stand for, of every service with known ports.

    `instances`: the ids of those that there are of a service, where these are not the first `replicas`.
    """
    values: dict[str, str] = {}
    for name, service in spec.services.items():
        ids = instances.get(name) or [instance_name(name, n + 1) for n in range(service.replicas)]
        first = ports.get(instance_name(name, 1), {})
        for port, number in {**first, **ports_at(service, ports)}.items():
            every = [n for each in ids if (n := ports.get(each, {}).get(port)) is not None]
            values.update(_address_variables(f"services.{name}.{port}", number, every))
    return values


def ports_at(service: Service, ports: Ports) -> Mapping[str, int]:
    """Return the ports at which others reach a service: those that the relay holds, else the first instance's."""
    key = service.name if service.is_relayed else instance_name(service.name, 1)
    return ports.get(key, {})


def network_addresses(
    spec: Spec, ports: Ports, instances: Mapping[str, Sequence[str]], containers: Mapping[str, Container]
) -> dict[str, str]:
    """Return what `addresses` stand for to a container: names on the network of the stack, with the ports inside.

    `containers`: the services that run as such, with what they say of it. Everything else, also what is relayed, is
    answered under its name and number by the stack's forwarder.
    """
    values: dict[str, str] = {}
    for name, service in spec.services.items():
        ids = instances.get(name) or [instance_name(name, n + 1) for n in range(service.replicas)]
        container = None if service.is_relayed else containers.get(name)
        first = ports.get(instance_name(name, 1), {})
        for port, number in {**first, **ports_at(service, ports)}.items():
            inside = container.targets.get(port, 0) if container else 0
            every = [f"{container_name(spec.name, i)}:{inside or ports.get(i, {}).get(port, number)}" for i in ids]
            dotted = f"services.{name}.{port}"
            values.update(_address_variables(dotted, inside or number, [], host=name))
            values[f"{dotted}.all"] = ",".join(every) if container else f"{name}:{number}"
    return values


def container_name(stack: str, instance: str) -> str:
    """Return what the container of an instance is called, as Compose calls it: shop-order-1."""
    service, _, number = instance.rpartition(".")
    return f"{stack}-{service}-{number}"


class Variants(Mapping[str, str]):
    """What `services.NAME.variant` stand for: the variant chosen for a service, empty while none is."""

    def __init__(self, chosen: Callable[[str], str], names: Mapping[str, Service]) -> None:
        self._chosen = chosen
        self._names = names

    def __getitem__(self, dotted: str) -> str:
        name = dotted.removeprefix("services.").removesuffix(".variant")
        if dotted != f"services.{name}.variant" or name not in self._names:
            raise KeyError(dotted)
        return self._chosen(name)

    def __iter__(self) -> Iterator[str]:
        return (f"services.{name}.variant" for name in self._names)

    def __len__(self) -> int:
        return len(self._names)


def _address_variables(dotted: str, number: int, every: list[int], host: str = HOST) -> dict[str, str]:
    return {
        dotted: f"{host}:{number}",
        f"{dotted}.host": host,
        f"{dotted}.port": str(number),
        f"{dotted}.all": ",".join(f"{host}:{n}" for n in every),
    }


@dataclass(frozen=True)
class Resolver:
    """Resolves references for one instance: its addresses come before those of the first instance."""

    variables: Mapping[str, str]

    def text(self, text: str) -> str:
        """Return `text` with its references resolved."""
        return substitute(text, self.variables) if MARK in text else text

    def table(self, table: Mapping[str, str]) -> dict[str, str]:
        """Return a table with the references in its values resolved."""
        return {key: self.text(value) for key, value in table.items()}


def make_resolver(
    service: str, instance: str, common: Sequence[Mapping[str, str]], ports: Ports, tools: Mapping[str, str]
) -> Resolver:
    """Return the resolver of one instance; `common` is what holds for the whole stack, such as its `addresses`."""
    variables: dict[str, str] = {f"tools.{name}": path for name, path in tools.items()}
    for port, number in ports.get(instance, {}).items():
        dotted = f"services.{service}.{port}"
        addressed = _address_variables(dotted, number, [])
        del addressed[f"{dotted}.all"]
        variables.update(addressed)
        variables[f"{dotted}.advertised"] = f"{HOST}:{ports.get(service, {}).get(port, number)}"
    return Resolver(_chained(variables, common))


def make_container_resolver(
    stack: str, service: str, instance: str, common: Sequence[Mapping[str, str]], inside: Mapping[str, int]
) -> Resolver:
    """Return the resolver of one container; `inside` are its ports as it listens on them itself."""
    variables: dict[str, str] = {}
    for port, number in inside.items():
        dotted = f"services.{service}.{port}"
        addressed = _address_variables(dotted, number, [], host=container_name(stack, instance))
        del addressed[f"{dotted}.all"]
        variables.update(addressed)
        variables[f"{dotted}.advertised"] = f"{service}:{number}"
    return Resolver(_chained(variables, common))


def _chained(variables: dict[str, str], common: Sequence[Mapping[str, str]]) -> ChainMap[str, str]:
    return ChainMap(variables, *(cast(MutableMapping[str, str], table) for table in common))


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all launches of a run have in common: the specification, the run's id, its ports, its folder of logs."""

    spec: Spec
    run: str
    ports: Ports
    log_folder: str


def launch(context: RunContext, service: Service, variant: Variant, instance: str, resolver: Resolver) -> Launch:
    """Return how `instance` is started; KeyError names a reference that nothing resolves."""
    spec, ports = context.spec, context.ports.get(instance, {})
    if variant.kind is Kind.CONTAINER:
        return _container_launch(context, service, variant, instance, resolver)
    environment = {**spec.host_environment, **_port_variables(ports), **resolver.table(variant.environment)}
    environment |= _telemetry_variables(context, service, instance, environment)
    return Launch(
        instance=instance,
        service=service.name,
        run=context.run,
        argv=tuple(resolver.text(argument) for argument in variant.argv),
        environment={name: value for name, value in environment.items() if name not in variant.unset},
        working_dir=resolver.text(variant.working_dir) or spec.folder,
        log_folder=f"{context.log_folder}/{instance}",
        ports=dict(ports),
        inherited={p.name: ports[p.name] for p in ports_of(service, variant) if p.inherited},
        handed=tuple(shared_ports(spec, context.ports)) if service.name == RELAY else (),
        stop_signal=service.stop_signal,
        log_bytes=spec.log_bytes,
    )


def _container_launch(
    context: RunContext, service: Service, variant: Variant, instance: str, resolver: Resolver
) -> Launch:
    spec, ports, options = context.spec, context.ports.get(instance, {}), variant.container or Container()
    inside = {p.name: options.targets.get(p.name) or ports[p.name] for p in ports_of(service, variant)}
    environment = {**_port_variables(inside), **resolver.table(variant.environment)}
    environment |= _telemetry_variables(context, service, instance, environment, HUB)
    return Launch(
        instance=instance,
        service=service.name,
        run=context.run,
        argv=tuple(resolver.text(argument) for argument in variant.argv),
        environment={name: value for name, value in environment.items() if name not in variant.unset},
        working_dir=resolver.text(variant.working_dir),
        log_folder=f"{context.log_folder}/{instance}",
        ports=dict(ports),
        stop_signal=service.stop_signal,
        log_bytes=spec.log_bytes,
        container=ContainerLaunch(
            engine=spec.engine,
            stack=spec.name,
            folder=spec.folder,
            image=variant.image,
            options=options,
            manifests=spec.manifests,
            mounts=tuple(replace(mount, source=resolver.text(mount.source)) for mount in options.mounts),
            published=tuple((inside[name], ports[name]) for name in inside),
            aliases=(service.name, *options.aliases),
            labels=service.labels,
            is_checked=variant.check is not None,
            image_id=variant.image_id,
        ),
    )


def resolve_file(file: File, resolver: Resolver) -> File:
    """Return a file with the references in its path and content resolved."""
    return replace(file, path=resolver.text(file.path), content=resolver.text(file.content))


def main_port(names: Collection[str]) -> str:
    """Return the name of the port that is meant where none is named: `http`, else the only one, else empty."""
    if "http" in names:
        return "http"
    return next(iter(names)) if len(names) == 1 else ""


def _port_variables(ports: Mapping[str, int]) -> dict[str, str]:
    """Return PORT and one NAME_PORT for each named port."""
    variables = {f"{name.upper().replace('-', '_')}_PORT": str(number) for name, number in ports.items()}
    main = main_port(ports)
    return {"PORT": str(ports[main]), **variables} if main else variables


def hub_endpoint(ports: Ports, port: str = HUB_PORT, host: str = HOST) -> str:
    """Return where the hub takes OTLP in, over HTTP unless another `port` is named; empty when the stack has none."""
    number = ports.get(instance_name(HUB, 1), {}).get(port)
    return f"http://{host}:{number}" if number else ""


def _telemetry_variables(
    context: RunContext, service: Service, instance: str, environment: Mapping[str, str], host: str = HOST
) -> dict[str, str]:
    """Return the OTEL_* variables that point a service at the hub, which it reaches at `host`; none without a hub."""
    spec, endpoint = context.spec, hub_endpoint(context.ports, host=host)
    if not (spec.telemetry and service.telemetry and endpoint) or service.name == HUB:
        return {}
    attributes = {
        "service.name": service.name,
        "service.instance.id": instance,
        "service.namespace": spec.name,
        "devctl.stack": spec.name,
        "devctl.run": context.run,
    }
    return telemetry.variables(environment, attributes, endpoint, hub_endpoint(context.ports, HUB_GRPC_PORT, host))
