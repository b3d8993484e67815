"""Fills the specification's references for one instance, from the state of the loop. Starts nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from devctl.core.checks import Check
from devctl.core.decide import variant_of
from devctl.core.launch import Filler, Launch, Variants, addresses, filled_file, filler, launch
from devctl.core.spec import File, Service, Variant
from devctl.core.state import Instance, ServiceState
from devctl.errors import DevctlError
from devctl.probes.base import Target
from devctl.record.store import Run
from devctl.supervisor.loop import Loop


@dataclass(frozen=True, slots=True)
class Chosen:
    """A service with the variant of it that runs."""

    service: Service
    variant: Variant
    found: ServiceState


class Launches:
    """Launches, checks and files of a run, with the addresses computed once per allocation."""

    def __init__(self, loop: Loop, run: Run) -> None:
        self._loop = loop
        self.run = run
        self._of: tuple[object, object] = (None, None)
        self._addresses: dict[str, str] = {}

    def chosen(self, service: str) -> Chosen | None:
        """Return a service and the variant that was chosen for it, None when there is none."""
        known, found = self._loop.spec.services.get(service), self._loop.state.services.get(service)
        variant = variant_of(known, found) if known and found else None
        return Chosen(known, variant, found) if known and found and variant else None

    def fills(self, service: str, instance: str, tools: Mapping[str, str]) -> Filler:
        """Return what fills the references of one instance."""
        common = (self._common_addresses(), Variants(self._variant, self._loop.spec.services))
        return filler(service, instance, common, self._loop.state.ports, tools)

    def launch(self, chosen: Chosen, instance: str) -> Launch:
        """Return how an instance is started; DevctlError names a reference that nothing fills."""
        state, folder = self._loop.state, str(self.run.logs / instance)
        with _naming(instance):
            made = launch(
                self._loop.spec, chosen.service, chosen.variant, instance, self.run.id, self._own(chosen, instance),
                state.ports, folder,
            )  # fmt: skip
        if chosen.service.replicas > 1:
            return replace(made, log_bytes=max(made.log_bytes // chosen.service.replicas, 1 << 20))
        return made

    def change(self, chosen: Chosen, instance: str) -> Launch:
        """Return how the command is run that brings rewritten live files into force."""
        return self.launch(replace(chosen, variant=replace(chosen.variant, argv=chosen.variant.on_change)), instance)

    def check(self, chosen: Chosen, instance: str) -> Check | None:
        """Return the check of an instance with its references filled, None when it has none."""
        if chosen.variant.check is None:
            return None
        with _naming(instance):
            return chosen.variant.check.filled(self._own(chosen, instance).text)

    def target(self, chosen: Chosen, instance: Instance) -> Target:
        """Return whom a probe asks."""
        made = self.launch(chosen, instance.id)
        return Target(
            instance.id, made.ports, made.environment, made.working_dir, Path(made.log_folder), instance.started_ns
        )

    def files(self, chosen: Chosen, instance: str, *, live_only: bool = False) -> list[File]:
        """Return the files of an instance with every word filled in."""
        fills = self._own(chosen, instance)
        with _naming(instance):
            return [filled_file(f, fills) for f in chosen.variant.files if f.live or not live_only]

    def folders(self, chosen: Chosen, instance: str) -> list[str]:
        """Return the folders that must be there before the start."""
        fills = self._own(chosen, instance)
        with _naming(instance):
            return [fills.text(folder) for folder in chosen.variant.folders]

    def _own(self, chosen: Chosen, instance: str) -> Filler:
        return self.fills(chosen.service.name, instance, chosen.found.tools or {})

    def _common_addresses(self) -> dict[str, str]:
        now = (self._loop.spec, self._loop.state.ports)
        if self._of[0] is not now[0] or self._of[1] is not now[1]:
            self._of = now
            self._addresses = addresses(*now)
            self._addresses["run.folder"] = os.fspath(self.run.folder)
        return self._addresses

    def _variant(self, service: str) -> str:
        found = self._loop.state.services.get(service)
        return found.option.variant if found and found.up and found.option else ""


@contextlib.contextmanager
def _naming(instance: str) -> Iterator[None]:
    """Say which reference of `instance` nothing fills."""
    try:
        yield
    except KeyError as missing:
        raise DevctlError(
            f"nothing says what {missing.args[0]!r} is", where=instance, next="Is that service in an active profile?"
        ) from missing
