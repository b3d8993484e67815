"""`devctl wait`: returns when services are healthy, or when they cannot become so."""

from __future__ import annotations

from devctl.actions.deadline import DeadlinePassed, deadline
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Option
from devctl.errors import DevctlError, ExitCode
from devctl.text import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import Item, ServiceView

GOOD = ("healthy", "running", "completed")
HOPELESS = ("failed", "unavailable", "stopped")


def run(context: Context, *, services: list[str], timeout: str | None) -> int:
    """Wait for the named services, or for everything that is not optional."""
    limit = shared.duration(timeout, "--timeout")
    session = context.running()
    if services:
        shared.known(services, shared.names(session))
    newest: dict[str, ServiceView] = {}
    try:
        with deadline(limit):
            for item in session.watch():
                _take(item, newest)
                wanted = _wanted(newest, services)
                if all(view["status"] in GOOD for view in wanted):
                    return ExitCode.OK
                if lost := [view["name"] for view in wanted if view["status"] in HOPELESS]:
                    shared.explain(context, context.session(), lost)
                    raise DevctlError(f"{listing(lost)} will not become healthy", next="`devctl why` says more.")
    except DeadlinePassed:
        late = [view["name"] for view in _wanted(newest, services) if view["status"] not in GOOD]
        shared.explain(context, context.session(), late)
        raise DevctlError(f"not healthy after {timeout}: {listing(late)}") from None
    raise DevctlError("the stack was stopped meanwhile", next="`devctl status` shows what is left.")


def _take(item: Item, newest: dict[str, ServiceView]) -> None:
    views = item["status"]["services"] if "status" in item else item.get("services", [])
    newest.update((view["name"], view) for view in views)


def _wanted(newest: dict[str, ServiceView], services: list[str]) -> list[ServiceView]:
    if services:
        return [newest[name] for name in services]
    return [view for view in newest.values() if not view["optional"]]


COMMAND = Command(
    run,
    shared.SERVICES,
    Option("--timeout", "-t", metavar="DURATION", help="Give up after this long (30s, 5m)."),
    about="Jobs count when they completed. Ends at once, with the reason, when a service failed for good. "
    "Exit code 0 healthy, 1 not.",
    examples={"devctl wait": "for everything that is not optional", "devctl wait order --timeout 30s": "in a script"},
)
