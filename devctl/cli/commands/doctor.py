"""`devctl doctor`: which variant of each product would run here, what the machine lacks, and the remedy."""

from __future__ import annotations

import json

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.errors import ExitCode
from devctl.text import clean, size, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.doctor import Report
    from devctl.actions.doctor.machine import Finding
    from devctl.actions.doctor.variants import VariantAvailability
    from devctl.render.table import Cell

FINDING_STYLES = {"ok": "green", "warn": "yellow", "bad": "red"}
VARIANT_STYLES = {"runs": "green", "fetch": "yellow", "possible": "cyan", "missing": "yellow"}
JSON_STATES = {"ok": "ok", "warn": "note", "bad": "bad"}


class DoctorOptions(Options):
    """What `devctl doctor` takes."""

    as_json = shared.JSON


def run(context: Context, options: DoctorOptions) -> int:
    """Look at the machine and at every product; exit code 3 when something will not work."""
    from devctl.actions import doctor

    report = doctor.examine(context.stack)
    context.warn(report.warnings)
    if options.as_json:
        context.terminal.write(json.dumps(_json(report), indent=2))
    else:
        _show_machine(context, report.machine)
        _show_products(context, report.products)
    return ExitCode.ENVIRONMENT if report.is_bad else ExitCode.OK


def _json(report: Report) -> dict[str, object]:
    return {
        "machine": [
            {"name": item.name, "state": JSON_STATES[item.state], "found": item.observation, "cure": item.remedy}
            for item in report.machine
        ],
        "products": [
            {
                "product": item.product, "variant": item.variant, "state": item.state, "found": item.detail,
                "needs": item.needs, "lacks": item.limitations, "download_bytes": item.download_bytes,
            }
            for item in report.products
        ],
    }  # fmt: skip


def _show_machine(context: Context, findings: list[Finding]) -> None:
    from devctl.render import table

    rows: list[list[Cell]] = [
        [item.name, (str(item.state), FINDING_STYLES[item.state]), clean(item.observation), clean(typed(item.remedy))]
        for item in findings
    ]
    context.terminal.write("\n".join(table.lines(("machine", "state", "found", "remedy"), rows, context.terminal)))


def _show_products(context: Context, variants: list[VariantAvailability]) -> None:
    from devctl.render import table

    rows: list[list[Cell]] = []
    previous = ""
    for item in variants:
        product = "" if item.product == previous else item.product
        rows.append([product, item.variant, (item.state, VARIANT_STYLES[item.state]), _detail(item)])
        previous = item.product
    context.terminal.write("")
    context.terminal.write("\n".join(table.lines(("product", "variant", "state", "here"), rows, context.terminal)))
    total = sum(item.download_bytes for item in variants if item.state == "fetch")
    if total:
        context.terminal.say(
            typed(f"\nTo download for all of them: {size(total)}; `devctl tools install` does so ahead of time.")
        )


def _detail(item: VariantAvailability) -> str:
    parts = [item.detail]
    if item.state == "missing" and item.needs:
        parts.append(f"needs: {item.needs}")
    if item.limitations:
        parts.append(f"limitations: {item.limitations}")
    return clean("; ".join(parts))


COMMAND = Command(
    run,
    DoctorOptions,
    about="`runs` is what `--run-as auto` takes here (native, then container, then embedded), `fetch` the same after a "
    "download; without a network it falls to what is possible. Nothing is changed and no network is used. Exit code 3 "
    "when something will not work.",
    examples={"devctl doctor": "before the first `devctl up`, or before going offline"},
    shape="One object: `machine`, a list of `{name, state, found, cure}` (`state`: ok, note, bad), and `products`, a "
    "list of `{product, variant, state, found, needs, lacks, download_bytes}` (`state`: runs, fetch, possible or "
    "missing).",
)
