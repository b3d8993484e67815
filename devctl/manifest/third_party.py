"""Services that are third-party products: recipes expanded, what this machine cannot have noted with its reason."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devctl.core.spec import MissingVariant, Variant
from devctl.core.spec import Service as SpecService
from devctl.core.status import VARIANTS
from devctl.manifest import healthchecks, where
from devctl.manifest.expand import Expander
from devctl.manifest.model import Service
from devctl.manifest.reader import is_inside
from devctl.manifest.shapes.base import InvalidValue
from devctl.manifest.shapes.objects import shape_of
from devctl.products.base import Context, Product, Recipe
from devctl.tools.base import Available, Unavailable


class Entry:
    """One service with `uses`: as the manifest has it, its product, and what others may know of it."""

    def __init__(self, name: str, service: Service, product: Product, bare: SpecService) -> None:
        self.name = name
        self.service = service
        self.product = product
        self.bare = bare


class ProductExpander:
    """Makes the services of one manifest that are products. `others` are the active services of the stack."""

    def __init__(self, expander: Expander, others: Mapping[str, SpecService]) -> None:
        self._expander = expander
        self._project = expander.project
        self._reader = expander.project.reader
        self._others = others
        self._answers: dict[str, Available | Unavailable] = {}

    def expand(self, entry: Entry) -> SpecService:
        """Return the service with the variants that this machine can have, in the order in which they are tried."""
        settings = self._settings(entry)
        if settings is None:
            return entry.bare
        outcomes = [self._variant(entry, settings, name) for name in self._order(entry)]
        return dataclasses.replace(
            entry.bare,
            variants=tuple(outcome for outcome in outcomes if isinstance(outcome, Variant)),
            missing=tuple(outcome for outcome in outcomes if isinstance(outcome, MissingVariant)),
        )

    def _order(self, entry: Entry) -> tuple[str, ...]:
        run_as = self._project.run_as_of(entry.service)
        if run_as == "container" != entry.service.run_as and run_as not in entry.product.variants:
            return entry.product.order  # the command line asks for containers where there are such
        if run_as in VARIANTS:
            return (run_as,)
        return ("native",) if run_as == "process" else entry.product.order

    def _settings(self, entry: Entry) -> Any:
        path, service = f"services.{entry.name}.with", entry.service
        try:
            if service.with_ is None:
                return entry.product.settings()
            return shape_of(entry.product.settings).read(service.with_, self._reader, path)
        except InvalidValue:
            return None
        except (TypeError, ValueError) as error:
            self._reader.problems.add(service.at("with"), f"{path}: {error}")
            return None

    def _variant(self, entry: Entry, settings: Any, name: str) -> Variant | MissingVariant | None:
        recipe, remedy = entry.product.variants.get(name), entry.product.remedy
        if recipe is None:
            return MissingVariant(name, f"{entry.product.name} has no {name} variant", remedy)
        if name == "container" and (missing := where.no_engine(self._project.engine)):
            return missing
        try:
            variant = recipe.expand(settings, self._context(entry))
        except ValueError as error:
            self._reader.problems.add(entry.service.at("uses"), f"services.{entry.name}: {error}")
            return None
        for tool in variant.tools:
            answer = self._ask(tool)
            if isinstance(answer, Unavailable):
                return MissingVariant(name, answer.reason, answer.remedy or remedy)
        return self._dress(entry, recipe, variant)

    def _ask(self, tool: str) -> Available | Unavailable:
        if tool not in self._answers:
            self._answers[tool] = self._project.available(tool)
        return self._answers[tool]

    def tools(self) -> dict[str, str]:
        """Return the paths of the native programs that were asked for and are at hand already."""
        at_hand = {name: answer.tool for name, answer in self._answers.items() if isinstance(answer, Available)}
        return {name: tool.path for name, tool in at_hand.items() if tool is not None}

    def _dress(self, entry: Entry, recipe: Recipe, variant: Variant) -> Variant:
        """Lay what the manifest says over what the recipe brought."""
        service = entry.service
        ports, folder = (*entry.bare.ports, *variant.ports), str(self._reader.folder)
        unset = self._expander.unset(service)
        environment = {**variant.environment, **self._expander.environment(entry.name, service)}
        return dataclasses.replace(
            variant,
            environment={name: value for name, value in environment.items() if name not in unset},
            unset=unset,
            working_dir=self._expander.host_folder(service) if service.working_dir else variant.working_dir or folder,
            check=healthchecks.check_of(service.healthcheck, variant.check, ports),
            liveness=healthchecks.check_of(service.liveness, None, ports),
            folders=(*variant.folders, *self._expander.volume_folders(service)),
            provides=dict(recipe.provides),
        )

    def _context(self, entry: Entry) -> Context:
        base = self._reader.base_of(entry.service.node)
        return Context(
            service=entry.name,
            folder=str(base),
            data=str(self._project.volumes / entry.name),
            python=sys.executable,
            services=self._others,
            read=functools.partial(self._read, base),
            files=functools.partial(self._files, base),
            telemetry=self._project.telemetry,
        )

    def _inside(self, base: Path, path: str) -> Path:
        real = (base / path).resolve()
        if not is_inside(str(real), str(self._reader.folder)):
            raise ValueError(f"{path} leads out of the project")
        return real

    def _read(self, base: Path, path: str) -> str:
        file = self._inside(base, path)
        if not file.is_file():
            raise ValueError(f"{path} is no file")
        try:
            return file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None

    def _files(self, base: Path, path: str) -> list[str]:
        folder = self._inside(base, path)
        if not folder.is_dir():
            raise ValueError(f"{path} is no folder")
        return sorted(str(file) for file in folder.rglob("*") if file.is_file())
