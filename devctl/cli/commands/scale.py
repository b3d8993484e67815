"""`devctl scale`: more or fewer instances behind the same address."""

from __future__ import annotations

from devctl.actions import names
from devctl.cli import display, shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import RequiredArguments
from devctl.text import clean


class ScaleOptions(Options):
    """What `devctl scale` takes."""

    counts = RequiredArguments("SERVICE=N...", help="Services, and how many instances of each shall run.")
    no_wait = shared.NO_WAIT
    as_json = shared.JSON


def run(context: Context, options: ScaleOptions) -> int:
    """Bring services to so many instances and wait until they are settled."""
    counts = names.counts_of(options.counts)
    client = context.stack.running()
    services = client.status()["services"]
    names.check_services(list(counts), [service["name"] for service in services])
    direct = {service["name"] for service in services if not service["fronted"]}
    progress = display.choose(context, as_json=options.as_json)
    with progress:
        settled = client.scale(counts, wait=not options.no_wait, on_item=progress.item)
    for service in client.status()["services"]:
        if service["fronted"] and service["name"] in direct & counts.keys():
            context.terminal.say(
                f"{clean(service['name'])} is relayed now: its instance was restarted once, on a port of its own. "
                "With `front: true` in the manifest nothing restarts."
            )
    return display.report(context, settled, waited=not options.no_wait)


COMMAND = Command(
    run,
    ScaleOptions,
    about="Clients keep the same address: the relay passes new connections to healthy instances, and those that go "
    "are drained before they stop. It holds until the next `up`, which returns to `deploy.replicas`.",
    examples={
        "devctl scale order=3": "three instances behind the port of order",
        "devctl scale order=1 catalog=2": "several at once; fewer drain",
    },
    shape=shared.PROGRESS_SHAPE,
)
