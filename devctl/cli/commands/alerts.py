"""`devctl alerts`: what Prometheus finds wrong right now."""

from __future__ import annotations

import json

from devctl.actions.finders import find_prometheus
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.errors import ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.queries.prometheus import Alert


class AlertsOptions(Options):
    """What `devctl alerts` takes."""

    as_json = shared.JSON


def run(context: Context, options: AlertsOptions) -> int:
    """List the alerts that are pending or firing; exit 1 when one fires."""
    from devctl.render import alerts as rendered

    alerts = find_prometheus(context.stack.running()).alerts()
    if options.as_json:
        for alert in alerts:
            context.terminal.write(json.dumps(_json(alert)))
    elif not alerts:
        context.terminal.say("No alert is pending or firing.")
    else:
        for line in rendered.listing(alerts, context.terminal):
            context.terminal.write(line)
    return ExitCode.UNHEALTHY if any(alert.state == "firing" for alert in alerts) else ExitCode.OK


def _json(alert: Alert) -> dict[str, object]:
    return {
        "alert": alert.name,
        "state": alert.state,
        "severity": alert.severity,
        "summary": alert.summary,
        "description": alert.description,
        "runbook": alert.runbook,
        "next": alert.next,
        "labels": dict(alert.labels),
        "since": alert.since,
    }


COMMAND = Command(
    run,
    AlertsOptions,
    about="Exit code 1 when an alert fires, so that a script can ask.",
    examples={
        "devctl alerts": "what is wrong, what it means, and what to type next",
        "devctl alerts --json | jq -r .alert": "their names",
    },
    shape="One alert a line: `alert`, `state` (firing or pending), `severity`, `summary`, `description`, `runbook`, "
    "`next` (a command), `labels`, `since`.",
)
