"""`devctl wait`: returns when services are healthy, or when they cannot become so."""

from __future__ import annotations

from devctl.actions.failures import WaitFailed
from devctl.actions.wait import wait_until_healthy
from devctl.cli import display, shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Duration
from devctl.errors import ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devctl.diagnosis.views import WhyView


class WaitOptions(Options):
    """What `devctl wait` takes."""

    services = shared.INSTANCES
    timeout = Duration("--timeout", "-t", metavar="DURATION", help="Give up after this long (30s, 5m).")
    as_json = shared.JSON


def run(context: Context, options: WaitOptions) -> int:
    """Wait for the named services, or for everything that is not optional."""
    try:
        wait_until_healthy(context.stack, options.services, timeout_seconds=options.timeout)
    except WaitFailed as failure:
        if options.as_json:
            _write(context, healthy=False, reason=failure.what, why=failure.explanations)
        else:
            display.explain(context, failure.explanations)
        raise
    if options.as_json:
        _write(context, healthy=True, reason="", why=[])
    return ExitCode.OK


def _write(context: Context, *, healthy: bool, reason: str, why: Sequence[WhyView]) -> None:
    import json

    context.terminal.write(json.dumps({"healthy": healthy, "reason": reason, "why": list(why)}))


COMMAND = Command(
    run,
    WaitOptions,
    about="Jobs count when they completed. Ends at once, with the reason, when a service failed for good. "
    "Exit code 0 healthy, 1 not.",
    examples={
        "devctl wait": "for everything that is not optional",
        "devctl wait order --timeout 30s": "in a script",
        "devctl wait order.2": "for one instance",
    },
    shape="One object: `healthy`, `reason` and `why` of what is not: a list of `{service, status, chain}`; "
    "each link of the chain has `service`, `instance`, `status`, `says`, `next`, `exit_code`, `answer` and `lines`; "
    "the last one is the root.",
)
