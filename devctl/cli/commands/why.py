"""`devctl why`: the blame chain of a service that is not healthy, with evidence and the next step."""

from __future__ import annotations

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command
from devctl.errors import ExitCode


def run(context: Context, *, services: list[str], as_json: bool) -> int:
    """Explain the named services, or each that is not good."""
    session = context.session()
    if services:
        shared.known(services, shared.names(session))
    views = session.why(services)
    if as_json:
        import json

        context.terminal.write(json.dumps(views, indent=2))
    else:
        from devctl.render import blame

        shown = [line for view in views for line in blame.lines(view, context.terminal)]
        context.terminal.write("\n".join(shown) if shown else "Everything is healthy.")
    return ExitCode.UNHEALTHY if any(view["chain"] for view in views) else ExitCode.OK


COMMAND = Command(
    run,
    shared.SERVICES,
    shared.JSON,
    about="Exit code 1 when there is something to explain, 0 when all is well.",
    examples={"devctl why": "whatever is not healthy", "devctl why order": "one service, down to the root cause"},
    shape="A list of `{service, status, chain}`; each link of the chain: `service`, `instance`, `status`, `says`, "
    "`next`, `exit_code`, `answer` (what its check saw), `lines` (its last log lines, as they were); the last link is "
    "the root.",
)
