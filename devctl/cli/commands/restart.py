"""`devctl restart`: what runs of services is replaced, on request with what depends on them."""

from __future__ import annotations

from devctl.actions import names
from devctl.cli import display, shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag


class RestartOptions(Options):
    """What `devctl restart` takes."""

    services = shared.SOME_INSTANCES
    with_dependents = Flag("--with-dependents", help="Also restart what depends on them, in order.")
    all_at_once = shared.ALL_AT_ONCE
    no_wait = shared.NO_WAIT
    as_json = shared.JSON


def run(context: Context, options: RestartOptions) -> int:
    """Restart and wait until everything is settled again."""
    client = context.stack.running()
    names.check_instances(client, options.services)
    wait = not options.no_wait
    progress = display.choose(context, as_json=options.as_json)
    with progress:
        settled = client.restart(
            options.services,
            with_dependents=options.with_dependents,
            all_at_once=options.all_at_once,
            wait=wait,
            on_item=progress.item,
        )
    return display.report(context, settled, waited=wait)


COMMAND = Command(
    run,
    RestartOptions,
    about="Where a service has several instances, or `front: true`, they are replaced one after the other, so that its "
    "address answers all the time: as `deploy.update_config` says, else the new one is healthy before the old one is "
    "drained and stopped. When a new one does not become healthy, everything goes back to what it was, and the exit "
    "code is 1.",
    examples={
        "devctl restart order": "after a change that is not watched",
        "devctl restart kafka --with-dependents": "and everything that needs it",
        "devctl restart order.2": "this instance and no other",
    },
    shape=shared.PROGRESS_SHAPE,
)
