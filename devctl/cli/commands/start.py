"""`devctl start`: services of the running stack that are stopped or failed come up again."""

from __future__ import annotations

from devctl.actions import names
from devctl.cli import display, shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options


class StartOptions(Options):
    """What `devctl start` takes."""

    services = shared.INSTANCES
    no_wait = shared.NO_WAIT
    as_json = shared.JSON


def run(context: Context, options: StartOptions) -> int:
    """Start services of the specification in force; begin a run from the manifest where nothing runs."""
    wait = not options.no_wait
    client = context.stack.client()
    if client is None:
        from devctl.actions.up import UpOptions
        from devctl.cli.commands import up

        return up.run_detached(context, UpOptions(services=options.services, wait=wait), as_json=options.as_json)
    names.check_instances(client, options.services)
    progress = display.choose(context, as_json=options.as_json)
    with progress:
        settled = client.start(options.services, wait=wait, on_item=progress.item)
    return display.report(context, settled, waited=wait)


COMMAND = Command(
    run,
    StartOptions,
    about="They start as they were last defined; `devctl up` also applies what changed in stack.yaml.",
    examples={
        "devctl start payment": "after `devctl stop payment`",
        "devctl start": "everything that is down",
        "devctl start order.2": "one instance that was stopped alone",
    },
    shape=shared.PROGRESS_SHAPE,
)
