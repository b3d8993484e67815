"""A checked manifest made into the Spec: recipes expanded, variants chosen in order, defaults filled in."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from devctl.core.spec import (
    Dependency,
    Missing,
    Port,
    RestartCondition,
    RestartPolicy,
    Variant,
    Watch,
)
from devctl.core.spec import Service as SpecService
from devctl.core.status import Condition, Kind
from devctl.manifest import environment, healthchecks, where
from devctl.manifest.model import EnvFile, Service
from devctl.manifest.problems import shown
from devctl.manifest.reader import ProjectReader, is_inside
from devctl.manifest.shapes.base import Wrong
from devctl.manifest.shapes.objects import shape_of
from devctl.products.base import Context, Recipe

ORDER = ("native", "container", "embedded")
RESTART_WORDS = {"none": "no", "any": "always"}
Availability = Callable[[str], Any]
"""devctl.tools.available: whether a native program can be had."""


class Expander:
    """Makes services of one manifest. `run_as` is what the command line asks for all services."""

    def __init__(
        self,
        reader: ProjectReader,
        environ: Mapping[str, str],
        python: str,
        volumes: Path,
        run_as: str,
        available: Availability,
        *,
        telemetry: bool,
    ) -> None:
        self._reader = reader
        self._environ = environ
        self._python = python
        self._volumes = volumes
        self._run_as = run_as
        self._available = available
        self._telemetry = telemetry
        self._answers: dict[str, Any] = {}

    def bare(self, name: str, service: Service, recipe: Recipe | None, ports: Mapping[str, Port]) -> SpecService:
        """Return the service without its variants: what others may know of it."""
        policy = _restart(service)
        grace = service.stop_grace_period
        if grace is None:
            grace = recipe.stop_grace_seconds if recipe else 10.0
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
            optional=service.optional,
            profiles=service.profiles,
            watch=tuple(Watch(w.path, w.ignore, w.dependents) for w in service.watch),
            stop_signal=recipe.stop_signal if recipe and not service.has("stop_signal") else service.stop_signal,
            stop_grace_seconds=grace,
            metrics=service.metrics or (recipe.metrics if recipe else ""),
            page=service.page or (recipe.page if recipe else ""),
            telemetry=service.telemetry in ("on", "true"),
            labels={key: value or "" for key, value in service.labels.items()},
        )

    def process(self, name: str, service: Service, bare: SpecService) -> SpecService:
        """Return a service of the manifest's own with its variants."""
        run_as = service.run_as if service.run_as != "auto" else self._run_as
        has_image, command = where.has_image(service), where.host_command(service)
        if has_image and (not command or run_as == "container"):
            return dataclasses.replace(bare, missing=(where.missing_container(service, run_as),))
        variant = Variant(
            name="process",
            kind=Kind.PROCESS,
            argv=command,
            environment=self.environment(name, service),
            working_dir=self._host_folder(service),
            check=where.host_check(service, bare.ports),
            folders=self._volume_folders(service),
        )
        missing = (where.missing_container(service, run_as),) if has_image and run_as == "auto" else ()
        return dataclasses.replace(bare, variants=(variant,), missing=missing)

    def _host_folder(self, service: Service) -> str:
        """Return the folder that a process runs in; the service's own where that is no path of an image."""
        folder = service.native.working_dir if service.native else ""
        shared = "" if where.has_image(service) and not service.uses else service.working_dir
        return os.path.realpath(self._reader.folder / (folder or shared))

    def recipe(
        self, name: str, service: Service, bare: SpecService, recipe: Recipe, others: Mapping[str, SpecService]
    ) -> SpecService:
        """Return a bought-in service with the variants that this machine can have, in the order they are tried."""
        settings = self._settings(name, service, recipe)
        if settings is None:
            return bare
        variants: list[Variant] = []
        missing: list[Missing] = []
        for kind in self._order(service, recipe):
            one = self._variant(name, service, recipe, settings, kind, bare, others)
            if isinstance(one, Missing):
                missing.append(one)
            elif one is not None:
                variants.append(one)
        return dataclasses.replace(bare, variants=tuple(variants), missing=tuple(missing))

    def _order(self, service: Service, recipe: Recipe) -> tuple[str, ...]:
        asked = service.run_as if service.run_as != "auto" else self._run_as
        if asked in ORDER:
            return (asked,)
        if asked == "process":
            return ("native",)
        return tuple(kind for kind in ORDER if kind in recipe.variants)

    def _settings(self, name: str, service: Service, recipe: Recipe) -> Any:
        path = f"services.{name}.with"
        try:
            return recipe.settings() if service.with_ is None else self._read_settings(service.with_, recipe, path)
        except Wrong:
            return None
        except (TypeError, ValueError) as error:
            self._reader.problems.add(service.at("with"), f"{path}: {error}")
            return None

    def _read_settings(self, node: Any, recipe: Recipe, path: str) -> Any:
        return shape_of(recipe.settings).read(node, self._reader, path)

    def _variant(
        self,
        name: str,
        service: Service,
        recipe: Recipe,
        settings: Any,
        kind: str,
        bare: SpecService,
        others: Mapping[str, SpecService],
    ) -> Variant | Missing | None:
        if kind not in recipe.variants:
            return Missing(kind, f"{recipe.name} has no {kind} variant", recipe.cure)
        if kind == "container":
            return Missing(kind, where.NO_CONTAINERS, recipe.cure)
        try:
            variant = recipe.expand(settings, kind, self._context(name, others))
        except ValueError as error:
            self._reader.problems.add(service.at("uses"), f"services.{name}: {error}")
            return None
        for tool in variant.tools:
            answer = self._ask(tool)
            if hasattr(answer, "reason"):
                return Missing(kind, answer.reason, answer.cure or recipe.cure)
        return self._dress(name, service, variant, bare)

    def _ask(self, tool: str) -> Any:
        if tool not in self._answers:
            self._answers[tool] = self._available(tool)
        return self._answers[tool]

    def tools(self) -> dict[str, str]:
        """Return the paths of the native programs that were asked for and are at hand already."""
        at_hand = {name: getattr(answer, "tool", None) for name, answer in self._answers.items()}
        return {name: tool.path for name, tool in at_hand.items() if tool is not None}

    def _dress(self, name: str, service: Service, variant: Variant, bare: SpecService) -> Variant:
        """Lay what the manifest says over what the recipe brought."""
        folder = str(self._reader.folder)
        return dataclasses.replace(
            variant,
            environment={**variant.environment, **self.environment(name, service)},
            working_dir=self._host_folder(service) if service.working_dir else variant.working_dir or folder,
            check=healthchecks.check_of(service.healthcheck, variant.check, (*bare.ports, *variant.ports)),
            folders=(*variant.folders, *self._volume_folders(service)),
        )

    def _context(self, name: str, others: Mapping[str, SpecService]) -> Context:
        return Context(
            service=name,
            folder=str(self._reader.folder),
            data=str(self._volumes / name),
            python=sys.executable,
            services=others,
            read=self._read,
            files=self._files,
            telemetry=self._telemetry,
        )

    def _inside(self, path: str) -> Path:
        real = Path(self._reader.folder, path).resolve()
        if not is_inside(str(real), str(self._reader.folder)):
            raise ValueError(f"{path} leads out of the project")
        return real

    def _read(self, path: str) -> str:
        file = self._inside(path)
        if not file.is_file():
            raise ValueError(f"{path} is no file")
        try:
            return file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None

    def _files(self, path: str) -> list[str]:
        folder = self._inside(path)
        if not folder.is_dir():
            raise ValueError(f"{path} is no folder")
        return sorted(str(file) for file in folder.rglob("*") if file.is_file())

    def environment(self, name: str, service: Service) -> dict[str, str]:
        """Return what the manifest says of a process's environment: pass_env, env_file, environment and native's,
        last wins."""
        result = environment.passed(self._environ, service.pass_env)
        for index, entry in enumerate(service.env_file):
            result.update(self._env_file(entry, f"services.{name}.env_file[{index}]"))
        native = service.native.environment if service.native else {}
        for key, value in (*service.environment.items(), *native.items()):
            if value is not None:
                result[key] = value
            elif (own := self._environ.get(key)) is not None:
                result[key] = own
        return result

    def _env_file(self, entry: EnvFile, name: str) -> dict[str, str]:
        path = Path(entry.path)
        if not path.is_file():
            if entry.required:
                message = f"{name}: no such file {shown(entry.written('path'))}"
                hint = "write {path: …, required: false} if it may be missing"
                self._reader.problems.add(entry.at("path"), message, hint=hint)
            return {}
        return environment.values_of(path, str(path.relative_to(self._reader.folder)), self._reader)

    def _volume_folders(self, service: Service) -> tuple[str, ...]:
        native = service.native.environment if service.native else {}
        values = (*service.environment.values(), *native.values())
        texts = (*where.host_command(service), *(value or "" for value in values))
        known = [path for dotted, path in self._reader.known.items() if dotted.startswith("volumes.")]
        return tuple(path for path in known if any(path in text for text in texts))


def _restart(service: Service) -> RestartPolicy:
    policy = service.deploy.restart_policy if service.deploy else None
    if policy is not None:
        word = RESTART_WORDS.get(policy.condition, policy.condition)
        return RestartPolicy(RestartCondition(word), policy.delay, policy.max_attempts, policy.window)
    word, _, attempts = (service.restart or "on-failure").partition(":")
    condition = RestartCondition(word)
    return RestartPolicy(condition, max_attempts=int(attempts)) if attempts else RestartPolicy(condition)


def ports_of(service: Service, recipe: Recipe | None, *, isolated: bool) -> dict[str, Port]:
    """Return the ports of a service by name: the recipe's, with the manifest's laid over them."""
    ports = {port.name: port for port in recipe.ports} if recipe else {}
    for name in service.ports.places:
        number = service.ports.get(name, 0)  # one that could not be read is still a name that others may use
        ports[name] = dataclasses.replace(ports[name], number=number) if name in ports else Port(name, number)
    if isolated:
        return {name: dataclasses.replace(port, number=0) for name, port in ports.items()}
    return ports
