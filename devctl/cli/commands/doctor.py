"""`devctl doctor`: which variant of each product would run here, what the machine lacks, and the cure."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from devctl.actions.doctor import machine, variants
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command
from devctl.errors import DevctlError, ExitCode
from devctl.paths import StackPaths, find_folder
from devctl.text import clean, size, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devctl.core.spec import Spec
    from devctl.render.table import Cell

STATES = {
    "ok": "green",
    "note": "yellow",
    "bad": "red",
    "runs": "green",
    "fetch": "yellow",
    "possible": "cyan",
    "missing": "yellow",
}


def run(context: Context, *, as_json: bool) -> int:
    """Look at the machine and at every product; exit code 3 when something will not work."""
    from devctl import tools

    folder = find_folder(Path.cwd())
    checks = list(machine.findings(context.environ, folder))
    engine_answers = checks[-1].state == "ok"
    if folder:
        checks += _stack(context, folder)
    ways = list(variants.ways(engine_answers, tools.available))
    if as_json:
        whole = {
            "machine": [dataclasses.asdict(one) for one in checks],
            "products": [dataclasses.asdict(w) for w in ways],
        }
        context.terminal.write(json.dumps(whole, indent=2))
    else:
        _show(context, checks, ways)
    return ExitCode.ENVIRONMENT if any(one.state == "bad" for one in checks) else ExitCode.OK


def _stack(context: Context, folder: Path) -> list[machine.Finding]:
    """Look at the fixed ports of the stack here and at what needs a container; of one that runs `status` says it."""
    if StackPaths(folder).socket.exists():
        return []
    try:
        spec = context.load().spec
    except DevctlError as error:
        return [
            machine.Finding("manifest", "bad", clean(str(error.what).splitlines()[0]), "`devctl config -q` says more")
        ]
    wanted = {
        port.number: name
        for name in spec.active
        for port in spec.services[name].ports
        if port.number and not port.inherited
    }
    return [*machine.port_findings(wanted, machine.holder), *_containers(spec)]


def _containers(spec: Spec) -> Iterator[machine.Finding]:
    """Yield a finding for each service of the stack's own that only an image could run."""
    for service in map(spec.services.__getitem__, spec.active):
        if not (service.uses or service.variants):
            reason = "; ".join(missing.reason for missing in service.missing)
            cure = next((missing.cure for missing in service.missing), "")
            yield machine.Finding(f"service {service.name}", "note" if service.optional else "bad", reason, cure)


def _show(context: Context, checks: list[machine.Finding], ways: list[variants.Way]) -> None:
    from devctl.render import table

    terminal = context.terminal
    rows: list[list[Cell]] = [
        [one.name, (one.state, STATES[one.state]), clean(one.found), clean(typed(one.cure))] for one in checks
    ]
    terminal.write("\n".join(table.lines(("machine", "state", "found", "cure"), rows, terminal)))
    shown = ""
    lines: list[list[Cell]] = []
    for way in ways:
        lines.append([way.product * (way.product != shown), way.variant, (way.state, STATES[way.state]), _detail(way)])
        shown = way.product
    terminal.write("")
    terminal.write("\n".join(table.lines(("product", "variant", "state", "here"), lines, terminal)))
    total = sum(way.download_bytes for way in ways if way.state == "fetch")
    if total:
        terminal.say(
            typed(
                f"\nTo download for all of them: {size(total)}; `devctl tools install` brings them before a train ride."
            )
        )


def _detail(way: variants.Way) -> str:
    parts = [way.found]
    if way.state == "missing" and way.needs:
        parts.append(f"needs: {way.needs}")
    if way.lacks:
        parts.append(f"lacks: {way.lacks}")
    return clean("; ".join(parts))


COMMAND = Command(
    run,
    shared.JSON,
    about="`runs` is what `--run-as auto` takes here (native, then container, then embedded), `fetch` the same after a "
    "download; without a network it falls to what is possible. Nothing is changed and no network is used. Exit code 3 "
    "when something will not work.",
    examples={"devctl doctor": "before the first `devctl up`, or before a demo on a train"},
    shape="One object: `machine`, a list of `{name, state, found, cure}` (`state`: ok, note, bad), and `products`, a "
    "list of `{product, variant, state, found, needs, lacks, download_bytes}` (`state`: runs, fetch, possible or "
    "missing).",
)
