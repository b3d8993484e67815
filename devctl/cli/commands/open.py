"""`devctl open`: a service's page in the browser."""

from __future__ import annotations

from devctl.actions.names import check_instances
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag
from devctl.core.selection import split
from devctl.errors import UsageError
from devctl.render.status import address, instance_address


class OpenOptions(Options):
    """What `devctl open` takes."""

    service = shared.ONE_SERVICE
    show = Flag("--print", help="Print the address and open nothing.")
    as_json = shared.JSON


def run(context: Context, options: OpenOptions) -> int:
    """Open the page, or print its address where there is no browser."""
    session = context.stack.session()
    check_instances(session, [options.service])
    service, is_instance = split(options.service)
    view = next(view for view in session.status()["services"] if view["name"] == service)
    url = instance_address(view, options.service) if is_instance else address(view)
    if not url.startswith("http"):
        raise UsageError(f"{options.service} has no page", next="`devctl status` shows what has one.")
    is_opened = not options.show and _open(url)
    if options.as_json:
        import json

        context.terminal.write(json.dumps({"service": options.service, "address": url, "opened": is_opened}))
        return 0
    context.terminal.write(url)
    if not options.show and not is_opened:
        context.terminal.say("No browser could be opened here.")
    return 0


def _open(url: str) -> bool:
    import webbrowser

    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False


COMMAND = Command(
    run,
    OpenOptions,
    examples={
        "devctl open grafana": "the dashboards",
        "devctl open gateway --print": "only the address",
        "devctl open order.2": "one instance by itself, past the relay",
    },
    shape="One object: `service`, `address`, `opened`.",
)
