"""`devctl stop`: services go down and stay down."""

from __future__ import annotations

from devctl.actions import names
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.text import duration, listing


class StopOptions(Options):
    """What `devctl stop` takes."""

    services = shared.SOME_INSTANCES
    as_json = shared.JSON


def run(context: Context, options: StopOptions) -> int:
    """Stop the named services and nothing else."""
    client = context.stack.running()
    services = list(dict.fromkeys(options.services))
    names.check_instances(client, services)
    settled = client.stop(services)
    if options.as_json:
        import json

        context.terminal.write(json.dumps({"stopped": services, "seconds": settled["seconds"]}))
    else:
        context.terminal.say(f"Stopped {listing(services)} in {duration(settled['seconds'])}.")
    return 0


COMMAND = Command(
    run,
    StopOptions,
    about="What depends on them keeps running, as in Compose; `devctl start` brings them back.",
    examples={
        "devctl stop payment": "see how the others bear it",
        "devctl stop order cart": "two at once",
        "devctl stop order.2": "one of several instances: the others take over",
    },
    shape="One object: `stopped` (names), `seconds`.",
)
