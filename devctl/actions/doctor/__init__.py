"""`doctor`: what this machine has, which variant of each product it can run, and what the stack here lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from devctl.actions.access import StackAccess
from devctl.actions.doctor import machine, variants
from devctl.actions.doctor.machine import Finding, FindingState
from devctl.actions.doctor.variants import VariantAvailability
from devctl.errors import DevctlError
from devctl.paths import StackPaths, find_folder, working_folder
from devctl.record import notices, store
from devctl.session.locate import is_running
from devctl.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec


class Report(NamedTuple):
    """What was examined. `warnings` are those of the manifest."""

    machine: list[Finding]
    products: list[VariantAvailability]
    warnings: list[str]

    @property
    def is_bad(self) -> bool:
        """Whether something will not work."""
        return any(finding.state == FindingState.BAD for finding in self.machine)


def examine(stack: StackAccess) -> Report:
    """Look at the machine, at the stack here if there is one, and at every product; nothing is changed."""
    from devctl.products import toolbox

    folder = find_folder(working_folder())
    findings = list(machine.findings(stack.environ, folder))
    engine_answers = findings[-1].state == FindingState.OK
    warnings: list[str] = []
    if folder:
        findings += _stack(stack, folder, warnings)
    return Report(findings, list(variants.examine(engine_answers, toolbox.available)), warnings)


def _stack(stack: StackAccess, folder: Path, warnings: list[str]) -> list[Finding]:
    """Look at the fixed ports of the stack here and at what needs a container.

    One that runs has its ports; its hub knows who sends it telemetry in a wrong way.
    """
    paths = StackPaths(folder)
    if is_running(paths):
        run = store.current(paths)
        return [Finding("telemetry", FindingState.WARN, n.text, n.remedy) for n in (notices.read(run) if run else ())]
    try:
        loaded = stack.load()
    except DevctlError as error:
        first_line = clean(str(error.what).splitlines()[0])
        return [Finding("manifest", FindingState.BAD, first_line, "`devctl config -q` says more")]
    warnings += map(str, loaded.warnings)
    ports = {
        port.number: name
        for name in loaded.spec.active
        for port in loaded.spec.services[name].ports
        if port.number and not port.inherited
    }
    return [*machine.port_findings(ports, machine.holder), *_containers(loaded.spec)]


def _containers(spec: Spec) -> Iterator[Finding]:
    """Yield a finding for each service of the stack's own that only an image could run."""
    for service in map(spec.services.__getitem__, spec.active):
        if not (service.uses or service.variants):
            reason = "; ".join(missing.reason for missing in service.missing)
            remedy = next((missing.remedy for missing in service.missing), "")
            state = FindingState.WARN if service.optional else FindingState.BAD
            yield Finding(f"service {service.name}", state, reason, remedy)
