"""A checked manifest made into the Spec: recipes expanded, variants chosen in order, defaults filled in."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from devctl.core.container import Build
from devctl.core.spec import (
    Dependency,
    FailureAction,
    Port,
    RestartCondition,
    RestartPolicy,
    UpdateOrder,
    UpdatePolicy,
    Variant,
    Watch,
)
from devctl.core.spec import Hook as SpecHook
from devctl.core.spec import Service as SpecService
from devctl.core.status import Condition, Kind
from devctl.engine.base import Engine, NoEngine
from devctl.manifest import containers, environment, healthchecks, where
from devctl.manifest.model import EnvFile, Hook, Service
from devctl.manifest.problems import shown
from devctl.manifest.reader import ProjectReader
from devctl.products.base import Product
from devctl.tools.base import Available, Unavailable

RESTART_WORDS = {"none": "no", "any": "always"}
Availability = Callable[[str], Available | Unavailable]
"""devctl.products.toolbox.available: whether a native program can be had."""
FindEngine = Callable[[Mapping[str, str]], Engine | NoEngine]
"""devctl.engine.find.usable: the container engine that an environment uses."""


class Machine(NamedTuple):
    """What is asked about this machine."""

    available: Availability
    find_engine: FindEngine


class StackFacts(NamedTuple):
    """What holds for the whole stack: its name, where the folders of its volumes lie, whether it has a hub."""

    name: str
    volumes: Path
    telemetry: bool


class Project:
    """What expansion needs besides the services. `run_as` is what the command line asks for all of them.

    No dataclass, as everything that is defined on the way to an `up`: making one costs as much as a small module.
    """

    def __init__(
        self,
        reader: ProjectReader,
        environ: Mapping[str, str],
        run_as: str,
        machine: Machine,
        stack: StackFacts,
    ) -> None:
        self.reader = reader
        self.environ = environ
        self.run_as = run_as
        self.available = machine.available
        self.stack, self.volumes, self.telemetry = stack
        self._find_engine = machine.find_engine
        self._engine: Engine | NoEngine | None = None

    @property
    def engine(self) -> Engine | NoEngine:
        """The container engine, looked for when a service may need it."""
        if self._engine is None:
            self._engine = self._find_engine(self.environ)
        return self._engine

    @property
    def engine_url(self) -> str:
        """The address of the engine that a service may need, empty where none was looked for or none answers."""
        return self._engine.address.url if isinstance(self._engine, Engine) else ""

    def run_as_of(self, service: Service) -> str:
        """Return how a service shall run: its own word, else that of the command line."""
        return service.run_as if service.run_as != "auto" else self.run_as


class Expander:
    """Makes the services of one manifest that are not products."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._reader = project.reader
        self._environ = project.environ

    def bare(self, name: str, service: Service, product: Product | None, ports: Mapping[str, Port]) -> SpecService:
        """Return the service without its variants: what others may know of it."""
        policy = _restart(service)
        grace = service.stop_grace_period
        if grace is None:
            grace = product.stop_grace_seconds if product else 10.0
        return SpecService(
            name=name,
            uses=service.uses,
            ports=tuple(ports.values()),
            depends_on=tuple(
                Dependency(target, Condition(d.condition), d.required, d.restart)
                for target, d in service.depends_on.items()
            ),
            restart=policy,
            replicas=service.deploy.replicas if service.deploy else 1,
            front=service.front and bool(ports),
            update=_update(service),
            optional=service.optional,
            profiles=service.profiles,
            watch=tuple(Watch(w.path, w.ignore, w.dependents) for w in service.watch),
            stop_signal=product.stop_signal if product and not service.has("stop_signal") else service.stop_signal,
            stop_grace_seconds=grace,
            post_start=tuple(map(_hook, service.post_start)),
            pre_stop=tuple(map(_hook, service.pre_stop)),
            metrics=service.metrics or (product.metrics if product else ""),
            page=service.page or (product.page if product else ""),
            telemetry=service.telemetry in ("on", "true"),
            labels={key: value or "" for key, value in service.labels.items()},
            provides=product.provides if product else {},
            build=None if product else self.build(name, service),
        )

    def process(self, name: str, service: Service, bare: SpecService) -> SpecService:
        """Return a service of the manifest's own with its variants."""
        run_as = self.project.run_as_of(service)
        has_image, command = where.has_image(service), where.host_command(service)
        if has_image and (not command or run_as == "container"):
            missing = where.missing_container(service, run_as, self.project.engine)
            if missing:
                return dataclasses.replace(bare, missing=(missing,))
            return dataclasses.replace(bare, variants=(self._container(name, service, bare),))
        variant = Variant(
            name="process",
            kind=Kind.PROCESS,
            argv=command,
            environment=self.environment(name, service),
            unset=self.unset(service),
            working_dir=self.host_folder(service),
            check=where.host_check(service, bare.ports) or healthchecks.relayed_check(service, bare),
            liveness=healthchecks.check_of(service.liveness, None, bare.ports),
            folders=self.volume_folders(service),
        )
        return dataclasses.replace(bare, variants=(variant,))

    def _container(self, name: str, service: Service, bare: SpecService) -> Variant:
        """Return how a service runs by its image."""
        return Variant(
            name="container",
            kind=Kind.CONTAINER,
            argv=service.command,
            environment=self.environment(name, service, is_native=False),
            unset=self.unset(service, is_native=False),
            working_dir=service.working_dir,
            check=healthchecks.check_of(service.healthcheck, None, bare.ports)
            or healthchecks.relayed_check(service, bare),
            liveness=healthchecks.check_of(service.liveness, None, bare.ports),
            folders=tuple(str(self.project.volumes / volume) for volume in containers.volume_names(service)),
            image=self._image(name, service),
            container=containers.container_of(service, self.project.volumes),
        )

    def _image(self, name: str, service: Service) -> str:
        """Return what the image of a service is called: by its own word, else as Compose calls it."""
        return service.image or f"{self.project.stack}-{name}".lower()

    def build(self, name: str, service: Service) -> Build | None:
        """Return how the image of a service is built; a variable without a value that is not set here is left out."""
        written = service.build
        if written is None:
            return None
        values = {key: self._environ.get(key) if value is None else value for key, value in written.args.items()}
        return Build(
            image=self._image(name, service),
            context=os.path.realpath(self._reader.base_of(written.node) / written.context),
            dockerfile=written.dockerfile,
            target=written.target,
            args={key: value for key, value in values.items() if value is not None},
            network=written.network,
        )

    def host_folder(self, service: Service) -> str:
        """Return the folder that a process runs in; the service's own where that is no path of an image."""
        if service.native and service.native.working_dir:
            return service.native.working_dir
        is_of_image = where.has_image(service) and not service.uses
        shared = "" if is_of_image else service.working_dir
        node = service.nodes["working_dir"] if shared else service.node
        return os.path.realpath(self._reader.base_of(node) / shared)

    def environment(self, name: str, service: Service, *, is_native: bool = True) -> dict[str, str]:
        """Return what the manifest says of an environment: pass_env, env_file, environment and native's, last wins."""
        result = environment.passed(self._environ, service.pass_env)
        for index, entry in enumerate(service.env_file):
            result.update(self._env_file(entry, f"services.{name}.env_file[{index}]"))
        for key, value in self._own_variables(service, is_native=is_native).items():
            if value is not None:
                result[key] = value
            else:
                result.pop(key, None)
        return result

    def unset(self, service: Service, *, is_native: bool = True) -> tuple[str, ...]:
        """Return the variables that it does not get from anywhere: without a value here and on this machine."""
        return tuple(k for k, value in self._own_variables(service, is_native=is_native).items() if value is None)

    def _own_variables(self, service: Service, *, is_native: bool) -> dict[str, str | None]:
        """Return `environment`, with native's laid over it; this machine's own stands for one without a value."""
        native = service.native.environment if service.native and is_native else {}
        variables = {**service.environment, **native}
        return {key: self._environ.get(key) if value is None else value for key, value in variables.items()}

    def _env_file(self, entry: EnvFile, name: str) -> dict[str, str]:
        path = Path(entry.path)
        if not path.is_file():
            if entry.required:
                message = f"{name}: no such file {shown(entry.written('path'))}"
                hint = "write {path: …, required: false} if it may be missing"
                self._reader.problems.add(entry.at("path"), message, hint=hint)
            return {}
        return environment.values_of(path, str(path.relative_to(self._reader.folder)), self._reader)

    def volume_folders(self, service: Service) -> tuple[str, ...]:
        native = service.native.environment if service.native else {}
        values = (*service.environment.values(), *native.values())
        texts = (*where.host_command(service), *(value or "" for value in values))
        volumes = [path for dotted, path in self._reader.values.items() if dotted.startswith("volumes.")]
        return tuple(path for path in volumes if any(path in text for text in texts))


def _hook(hook: Hook) -> SpecHook:
    environment = {name: value or "" for name, value in hook.environment.items()}
    return SpecHook(hook.command, environment, hook.working_dir, hook.user)


def _update(service: Service) -> UpdatePolicy:
    config = service.deploy.update_config if service.deploy else None
    if config is None:
        return UpdatePolicy()
    return UpdatePolicy(
        parallelism=config.parallelism or (service.deploy.replicas if service.deploy else 1),
        order=None if config.order == "auto" else UpdateOrder(config.order),
        delay_seconds=config.delay,
        failure_action=FailureAction(config.failure_action),
        monitor_seconds=config.monitor,
    )


def _restart(service: Service) -> RestartPolicy:
    policy = service.deploy.restart_policy if service.deploy else None
    if policy is not None:
        word = RESTART_WORDS.get(policy.condition, policy.condition)
        return RestartPolicy(RestartCondition(word), policy.delay, policy.max_attempts, policy.window, is_explicit=True)
    if not service.restart:
        return RestartPolicy()
    word, _, attempts = service.restart.partition(":")
    made = RestartPolicy(RestartCondition(word), is_explicit=True)
    return dataclasses.replace(made, max_attempts=int(attempts)) if attempts else made


def ports_of(service: Service, product: Product | None, *, isolated: bool) -> dict[str, Port]:
    """Return the ports of a service by name: the product's, with the manifest's laid over them."""
    ports = {port.name: port for port in product.ports} if product else {}
    for name in service.ports.locations:
        number = service.ports.get(name, 0)  # one that could not be read is still a name that others may use
        ports[name] = dataclasses.replace(ports[name], number=number) if name in ports else Port(name, number)
    if isolated:
        return {name: dataclasses.replace(port, number=0) for name, port in ports.items()}
    return ports
