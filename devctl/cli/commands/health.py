"""`devctl health`: the checks are run now, and their answers shown."""

from __future__ import annotations

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command
from devctl.errors import ExitCode
from devctl.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.render.table import Cell
    from devctl.session.protocol import CheckView

WORDS = {True: ("healthy", "green"), False: ("unhealthy", "red"), None: ("no check", "dim")}


def run(context: Context, *, services: list[str], as_json: bool) -> int:
    """Ask every probe now; exit code 1 when one says no."""
    session = context.running()
    if services:
        shared.known(services, shared.names(session))
    answers = session.check(services)
    if as_json:
        import json

        context.terminal.write(json.dumps(answers, indent=2))
    else:
        from devctl.render import table

        heads = ("instance", "health", "took", "check", "answer")
        context.terminal.write(
            "\n".join(table.lines(heads, [_row(a) for a in answers], context.terminal, right="took"))
        )
    return ExitCode.UNHEALTHY if any(answer["healthy"] is False for answer in answers) else ExitCode.OK


def _row(answer: CheckView) -> list[Cell]:
    took = f"{answer['milliseconds']:.1f} ms" if answer["healthy"] is not None else ""
    name = clean(answer["instance"] or answer["service"])
    return [name, WORDS[answer["healthy"]], took, clean(answer["check"]), clean(answer["answer"])]


COMMAND = Command(
    run,
    shared.SERVICES,
    shared.JSON,
    about="Exit code 1 when a check fails.",
    examples={"devctl health": "all services", "devctl health order": "one, with what it answered"},
    shape="A list of `{service, instance, healthy, check, answer, milliseconds}`; `healthy` is null without a check.",
)
