"""`up -d`: wait until all is well, and give up at once when it cannot become so; what runs goes on."""

from __future__ import annotations

from devctl.actions.deadline import DeadlinePassed, deadline
from devctl.actions.up import Hopeless, Start, Wishes, conclude
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.errors import DevctlError, ExitCode
from devctl.text import clean, duration, listing, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec
    from devctl.session.client import Client


def bring(context: Context, client: Client, spec: Spec, wishes: Wishes) -> int:
    """Start the stack and return the exit code of the command."""
    start = Start(context, wishes, give_up=wishes.wait)
    try:
        with deadline(wishes.wait_timeout):
            settled = start.apply(client, spec)
    except DeadlinePassed:
        return _give_up(context, f"not healthy after {duration(wishes.wait_timeout or 0)}", [])
    except Hopeless:
        return _give_up(context, f"{listing(map(clean, start.failed))} failed to start", start.failed)
    except KeyboardInterrupt:
        context.terminal.say(typed("Interrupted; the start goes on. `devctl down` stops it."))
        return ExitCode.INTERRUPTED
    if not wishes.wait:
        return ExitCode.OK
    conclude(context, client, settled, wishes, start.began_ns)
    return ExitCode.OK if settled["healthy"] else ExitCode.UNHEALTHY


def _give_up(context: Context, what: str, services: list[str]) -> int:
    session = context.session()
    shared.explain(context, session, services)
    late = [] if services else [s["name"] for s in session.status()["services"] if _is_late(s["status"])]
    shared.explain(context, session, late)
    raise DevctlError(what, next="What runs goes on; `devctl status` shows it, `devctl down` stops it.")


def _is_late(status: str) -> bool:
    return status not in ("healthy", "running", "completed", "unavailable")
