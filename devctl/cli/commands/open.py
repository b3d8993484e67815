"""`devctl open`: a service's page in the browser."""

from __future__ import annotations

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Argument, Command, Option
from devctl.errors import UsageError
from devctl.render.status import address


def run(context: Context, *, service: str, show: bool) -> int:
    """Open the page, or print its address where there is no browser."""
    view = context.session().status()
    shared.known([service], (one["name"] for one in view["services"]))
    found = next(one for one in view["services"] if one["name"] == service)
    where = address(found)
    if not where.startswith("http"):
        raise UsageError(f"{service} has no page", next="`devctl status` shows what has one.")
    context.terminal.write(where)
    if not show and not _open(where):
        context.terminal.say("No browser could be opened here.")
    return 0


def _open(where: str) -> bool:
    import webbrowser

    try:
        return webbrowser.open(where)
    except webbrowser.Error:
        return False


COMMAND = Command(
    run,
    Argument("service", complete="service", help="The service whose page to open."),
    Option("--print", flag=True, name="show", help="Print the address and open nothing."),
    examples={"devctl open grafana": "the dashboards", "devctl open gateway --print": "only the address"},
)
