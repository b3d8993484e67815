"""Resolves the specification's references for one instance, from the state of the loop. Starts nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Protocol

from devctl.core.checks import Check
from devctl.core.container import Container
from devctl.core.decide import variant_of
from devctl.core.launch import (
    Launch,
    Resolver,
    RunContext,
    Variants,
    addresses,
    launch,
    make_container_resolver,
    make_resolver,
    network_addresses,
    ports_of,
    resolve_file,
)
from devctl.core.spec import RELAY, File, Hook, Service, Spec, Variant
from devctl.core.state import NEVER, Instance, ServiceState, State
from devctl.core.status import Kind
from devctl.errors import DevctlError
from devctl.probes.base import Target
from devctl.record.store import Run
from devctl.runners.processes import TAG_NAME, tag
from devctl.supervisor.routes import NETWORK_FOLDER, forwards
from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Chosen:
    """A service with the variant of it that runs."""

    service: Service
    variant: Variant
    state: ServiceState


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the addresses of a service rest on, and the state that it was made from."""

    instances: tuple[str, ...]
    container: Container | None
    state: ServiceState = field(compare=False)


class Situation(Protocol):
    """What launches are resolved from: mostly the loop, as it is at the moment."""

    @property
    def spec(self) -> Spec:
        """The specification in force."""
        ...

    @property
    def state(self) -> State:
        """What is."""
        ...

    @property
    def previous(self) -> Mapping[str, Service]:
        """Definitions that were in force before the present ones."""
        ...


class Launches:
    """Launches, checks and files of a run, with the addresses computed once per allocation."""

    def __init__(self, loop: Situation, run: Run, runtime: Path = Path()) -> None:
        self._loop = loop
        self.run = run
        self._runtime = runtime
        self._computed_for: tuple[object, object] = (None, None)
        self._services: Mapping[str, ServiceState] = {}
        self._layouts: dict[str, _Layout] = {}
        self._addresses: dict[str, str] = {}
        self._network_addresses: dict[str, str] = {}

    def chosen(self, service: str) -> Chosen | None:
        """Return a service and the variant that was chosen for it, None when there is none."""
        declared, service_state = self._loop.spec.services.get(service), self._loop.state.services.get(service)
        if declared is None or service_state is None:
            return None
        variant = variant_of(declared, service_state)
        return Chosen(declared, variant, service_state) if variant else None

    def chosen_for(self, instance: Instance) -> Chosen | None:
        """Return what an instance was started as: while it waits to be replaced, the definition before."""
        chosen = self.chosen(instance.service)
        before = self._loop.previous.get(instance.service)
        if chosen is None or before is None or chosen.state.rollout is None:
            return chosen
        if instance.generation in (chosen.state.generation, NEVER):
            return chosen
        variant = next((v for v in before.variants if v.name == chosen.variant.name), None)
        return Chosen(before, variant, chosen.state) if variant else chosen

    def launch(self, chosen: Chosen, instance: str) -> Launch:
        """Return how an instance is started; DevctlError names a reference that nothing resolves."""
        context = RunContext(self._loop.spec, self.run.id, self._loop.state.ports, os.fspath(self.run.logs))
        with _naming(instance):
            made = launch(context, chosen.service, chosen.variant, instance, self._resolver(chosen, instance))
        if made.container:
            state = self._loop.state
            container = replace(
                made.container,
                forwards=forwards(self._loop.spec, state.services, state.ports),
                network_folder=os.fspath(self._runtime / NETWORK_FOLDER),
            )
            made = replace(made, container=container)
        if chosen.service.replicas > 1:
            return replace(made, log_bytes=max(made.log_bytes // chosen.service.replicas, 1 << 20))
        return made

    def change(self, chosen: Chosen, instance: str) -> Launch:
        """Return how the command is run that brings rewritten live files into force."""
        return self.launch(replace(chosen, variant=replace(chosen.variant, argv=chosen.variant.on_change)), instance)

    def hook(self, chosen: Chosen, instance: str, hook: Hook) -> Launch:
        """Return how a hook runs beside an instance; all that it starts belongs to that."""
        with _naming(instance):
            resolver = self._resolver(chosen, instance)
            variables = resolver.table(hook.environment)
            argv = tuple(map(resolver.text, hook.argv))
            folder = resolver.text(hook.working_dir)
        made = self.launch(chosen, instance)
        environment = {**made.environment, **variables, TAG_NAME: tag(made)}
        working_dir = os.fspath(Path(made.working_dir, folder)) if folder else made.working_dir
        return replace(made, argv=argv, environment=environment, working_dir=working_dir)

    def check(self, chosen: Chosen, instance: str, *, is_liveness: bool = False) -> Check | None:
        """Return a check of an instance with its references resolved, None when it has none."""
        check = chosen.variant.liveness if is_liveness else chosen.variant.check
        if check is None:
            return None
        with _naming(instance):
            return check.filled(self._resolver(chosen, instance).text)

    def target(self, chosen: Chosen, instance: Instance) -> Target:
        """Return whom a probe asks."""
        made = self.launch(chosen, instance.id)
        # What a check by command starts belongs to the instance: it ends with it, also where the supervisor died first.
        environment = {**made.environment, TAG_NAME: tag(made)}
        return Target(
            instance.id, made.ports, environment, made.working_dir, Path(made.log_folder), instance.started_ns,
            container=instance.container, engine=made.container.engine if made.container else "",
        )  # fmt: skip

    def files(self, chosen: Chosen, instance: str, *, live_only: bool = False) -> list[File]:
        """Return the files of an instance with its references resolved."""
        resolver = self._resolver(chosen, instance)
        with _naming(instance):
            return [resolve_file(f, resolver) for f in chosen.variant.files if f.live or not live_only]

    def folders(self, chosen: Chosen, instance: str) -> list[str]:
        """Return the folders that must be there before the start."""
        resolver = self._resolver(chosen, instance)
        with _naming(instance):
            return [resolver.text(folder) for folder in chosen.variant.folders]

    def _resolver(self, chosen: Chosen, instance: str) -> Resolver:
        self._compute_addresses()
        variants = Variants(self._variant, self._loop.spec.services)
        if chosen.variant.kind is Kind.CONTAINER:
            spec, common = self._loop.spec, (self._network_addresses, variants)
            return make_container_resolver(
                spec.name, chosen.service.name, instance, common, self._inside(chosen, instance)
            )
        common = (self._addresses, variants)
        tools = chosen.state.tools or {}
        return make_resolver(chosen.service.name, instance, common, self._loop.state.ports, tools)

    def _inside(self, chosen: Chosen, instance: str) -> dict[str, int]:
        """Return the ports of an instance as it listens on them in its container."""
        targets = chosen.variant.container.targets if chosen.variant.container else {}
        numbers = self._loop.state.ports.get(instance, {})
        names = [port.name for port in ports_of(chosen.service, chosen.variant)]
        return {name: targets.get(name) or numbers[name] for name in names if name in numbers}

    def _compute_addresses(self) -> None:
        """Compute the addresses for processes and for containers anew where something changed that they rest on."""
        spec, state = self._loop.spec, self._loop.state
        is_spec_same, are_ports_same = self._computed_for[0] is spec, self._computed_for[1] is state.ports
        if not self._look_at_services(anew=not is_spec_same) and is_spec_same and are_ports_same:
            return
        self._computed_for = (spec, state.ports)
        instances = {name: layout.instances for name, layout in self._layouts.items()}
        containers = {name: layout.container for name, layout in self._layouts.items() if layout.container}
        folders = {"run.folder": os.fspath(self.run.folder), "runtime.folder": os.fspath(self._runtime)}
        if RELAY not in spec.services:  # whoever names it finds it empty until there is something to relay
            folders |= {f"services.{RELAY}.http.all": "", f"services.{RELAY}.variant": ""}
        self._addresses = addresses(spec, state.ports, instances) | folders
        self._network_addresses = network_addresses(spec, state.ports, instances, containers) | folders

    def _look_at_services(self, *, anew: bool) -> bool:
        """Bring the layouts up to date, and tell whether one of them changed. Every event of a start asks for this, so
        that only services are looked at whose state is another one than before."""
        services, before = self._loop.state.services, {} if anew else self._layouts
        if services is self._services and not anew:
            return False
        changed = [name for name, state in services.items() if name not in before or before[name].state is not state]
        self._services = services
        self._layouts = {name: before[name] for name in services if name in before}
        self._layouts |= {name: self._layout(name) for name in changed}
        return before.keys() != services.keys() or any(before[name] != self._layouts[name] for name in changed)

    def _layout(self, name: str) -> _Layout:
        chosen, state = self.chosen(name), self._loop.state.services[name]
        container = chosen.variant.container if chosen and chosen.variant.kind is Kind.CONTAINER else None
        return _Layout(tuple(state.instances), container, state)

    def _variant(self, service: str) -> str:
        service_state = self._loop.state.services.get(service)
        option = service_state.option if service_state and service_state.desired_up else None
        return option.variant if option else ""


@contextlib.contextmanager
def _naming(instance: str) -> Iterator[None]:
    """Say which reference of `instance` nothing resolves."""
    try:
        yield
    except KeyError as missing:
        raise DevctlError(
            f"nothing says what {missing.args[0]!r} is", where=instance, next="Is that service in an active profile?"
        ) from missing
