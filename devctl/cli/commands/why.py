"""`devctl why`: the chain of causes of a service that is not healthy, with evidence and the next step."""

from __future__ import annotations

from devctl.actions import names
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.errors import ExitCode


class WhyOptions(Options):
    """What `devctl why` takes."""

    services = shared.SERVICES
    as_json = shared.JSON


def run(context: Context, options: WhyOptions) -> int:
    """Explain the named services, or each that is not good."""
    session = context.stack.session()
    if options.services:
        names.check_in_stack(session, options.services)
    views = context.stack.why(session, options.services)
    if options.as_json:
        import json

        context.terminal.write(json.dumps(views, indent=2))
    else:
        from devctl.render import diagnosis, status

        shown = status.notice(session.status(), context.terminal)
        shown += [line for view in views for line in diagnosis.lines(view, context.terminal)]
        context.terminal.write("\n".join(shown) if shown else "Everything is healthy.")
    return ExitCode.UNHEALTHY if any(view["chain"] for view in views) else ExitCode.OK


COMMAND = Command(
    run,
    WhyOptions,
    about="Exit code 1 when there is something to explain, 0 when all is well.",
    examples={"devctl why": "whatever is not healthy", "devctl why order": "one service, down to the root cause"},
    shape="A list of `{service, status, chain}`; each link of the chain: `service`, `instance`, `status`, `says`, "
    "`next`, `exit_code`, `answer` (what its check saw), `lines` (its last log lines, as they were); the last link is "
    "the root.",
)
