"""`devctl status`: the table of services, or one JSON object."""

from __future__ import annotations

import time

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Option
from devctl.errors import ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import StatusView

REDRAW_SECONDS = 1.0
HOME_AND_CLEAR = "\x1b[H\x1b[J"


def run(context: Context, *, services: list[str], as_json: bool, watch: bool, reasons: bool) -> int:
    """Show the status once, or again and again with `watch`."""
    while True:
        session = context.session()
        view = session.status()
        session.close()
        if services:
            shared.known(services, (service["name"] for service in view["services"]))
        show(context, view, services, as_json=as_json, reasons=reasons, redraw=watch)
        if not watch:
            return exit_code(view)
        context.terminal.flush()
        time.sleep(REDRAW_SECONDS)


def show(
    context: Context, view: StatusView, services: list[str], *, as_json: bool, reasons: bool, redraw: bool
) -> None:
    """Write one view of the status."""
    terminal = context.terminal
    if as_json:
        import json

        chosen = [service for service in view["services"] if not services or service["name"] in services]
        terminal.write(json.dumps({**view, "services": chosen}, indent=None if redraw else 2))
        return
    from devctl.render import status

    text = "\n".join(status.lines(view, terminal, services, reasons=reasons))
    terminal.write((HOME_AND_CLEAR if redraw and terminal.is_terminal else "") + text)


def exit_code(view: StatusView) -> int:
    """Return 0 when everything but the optional is good."""
    return ExitCode.OK if view["status"] == "healthy" else ExitCode.UNHEALTHY


COMMAND = Command(
    run,
    shared.SERVICES,
    shared.JSON,
    Option("--watch", "-w", flag=True, help="Redraw every second until Ctrl-C; with --json one line a second."),
    Option("--why", flag=True, help="Also say why each variant was chosen.", name="reasons"),
    about="Exit code 0 when everything but the optional services is healthy, running or completed, else 1.",
    examples={
        "devctl status": "everything at a glance",
        "devctl status --watch": "keep it on the screen",
        "devctl status --json | jq -r '.services[].status'": "for scripts",
    },
    shape="One object: `stack`, `run`, `status`, `folder`, `supervisor.pid`, `keeper.pid`, `services`. Each service: "
    "`name`, `status`, `variant`, `why_variant`, `kind`, `optional`, `reason`, `cure`, `note`, `uses`, `depends_on`, "
    "`ports` (name → `host:port`), `page`, `waits_for`, `started_seconds`, `instances`. Each instance: `id`, `pid` or "
    "`container`, `status`, `reason`, `ports`, `started_at`, `restarts`, `exit_code`, `cpu_percent`, `memory_bytes`.",
)
