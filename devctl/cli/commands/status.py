"""`devctl status`: the table of services, or one JSON object."""

from __future__ import annotations

import time

from devctl.actions import names
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag
from devctl.errors import ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import StatusView

REDRAW_SECONDS = 1.0
HOME_AND_CLEAR = "\x1b[H\x1b[J"


class StatusOptions(Options):
    """What `devctl status` takes."""

    services = shared.SERVICES
    as_json = shared.JSON
    watch = Flag("--watch", "-w", help="Redraw every second until Ctrl-C; with --json one line a second.")
    reasons = Flag("--why", help="Also say why each variant was chosen.")


def run(context: Context, options: StatusOptions) -> int:
    """Show the status once, or again and again with `watch`."""
    while True:
        session = context.stack.session()
        view = session.status()
        session.close()
        names.check_services(options.services, (service["name"] for service in view["services"]))
        show(context, view, options)
        if not options.watch:
            return exit_code(view)
        context.terminal.flush()
        time.sleep(REDRAW_SECONDS)


def show(context: Context, view: StatusView, options: StatusOptions) -> None:
    """Write one view of the status."""
    terminal, services = context.terminal, options.services
    if options.as_json:
        import json

        chosen = [service for service in view["services"] if not services or service["name"] in services]
        terminal.write(json.dumps({**view, "services": chosen}, indent=None if options.watch else 2))
        return
    from devctl.render import status

    lines = status.lines(view, terminal, services, reasons=options.reasons)
    if not options.watch or not terminal.is_terminal:
        terminal.write("\n".join(lines))
        return
    room = terminal.height - 1  # the cursor stands below the last line
    shown = lines if len(lines) <= room else [*lines[: room - 1], f"… and {len(lines) - room + 1} more"]
    terminal.write(HOME_AND_CLEAR + "\n".join(shown))


def exit_code(view: StatusView) -> int:
    """Return 0 when everything but the optional is good."""
    return ExitCode.OK if view["status"] == "healthy" else ExitCode.UNHEALTHY


COMMAND = Command(
    run,
    StatusOptions,
    about="Exit code 0 when everything but the optional services is healthy, running or completed, else 1.",
    examples={
        "devctl status": "everything at a glance",
        "devctl status --watch": "keep it on the screen",
        "devctl status --json | jq -r '.services[].status'": "for scripts",
    },
    shape="One object: `stack`, `run`, `status`, `folder`, `supervisor.pid`, `keeper.pid`, `notice` "
    "(what is wrong with the stack as a whole, such as lost lines), `services`. Each service: "
    "`name`, `status`, `variant`, `why_variant`, `kind`, `optional`, `reason`, `cure`, `note`, `uses`, `provides` "
    "(what others use it for → port name), `depends_on`, `ports` (name → `host:port`), `page`, `waits_for`, "
    "`started_seconds`, `instances`. Each instance: `id`, `pid` or `container`, `status`, `reason`, `ports`, "
    "`started_at`, `restarts`, `exit_code`, `cpu_percent`, `memory_bytes`.",
)
