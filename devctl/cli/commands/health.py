"""`devctl health`: the checks are run now, and their answers shown."""

from __future__ import annotations

from devctl.actions import names
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.errors import ExitCode
from devctl.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.render.table import Cell
    from devctl.session.protocol import CheckView

CELLS = {True: ("healthy", "green"), False: ("unhealthy", "red"), None: ("no check", "dim")}


class HealthOptions(Options):
    """What `devctl health` takes."""

    services = shared.INSTANCES
    as_json = shared.JSON


def run(context: Context, options: HealthOptions) -> int:
    """Ask every probe now; exit code 1 when one says no."""
    client = context.stack.running()
    if options.services:
        names.check_instances(client, options.services)
    answers = client.check(options.services)
    if options.as_json:
        import json

        context.terminal.write(json.dumps(answers, indent=2))
    else:
        _show(context, answers)
    return ExitCode.UNHEALTHY if any(answer["healthy"] is False for answer in answers) else ExitCode.OK


def _show(context: Context, answers: list[CheckView]) -> None:
    from devctl.render import table

    heads = ("instance", "health", "took", "check", "answer")
    rows = [_row(answer) for answer in answers]
    context.terminal.write("\n".join(table.lines(heads, rows, context.terminal, right="took")))


def _row(answer: CheckView) -> list[Cell]:
    took = f"{answer['milliseconds']:.1f} ms" if answer["healthy"] is not None else ""
    name = clean(answer["instance"] or answer["service"])
    return [name, CELLS[answer["healthy"]], took, clean(answer["check"]), clean(answer["answer"])]


COMMAND = Command(
    run,
    HealthOptions,
    about="Exit code 1 when a check fails.",
    examples={
        "devctl health": "all services",
        "devctl health order": "one, with what it answered",
        "devctl health order.2": "one instance of it",
    },
    shape="A list of `{service, instance, healthy, check, answer, milliseconds}`; `healthy` is null without a check.",
)
