"""`devctl restart`: services go down and come up again, on request with what depends on them."""

from __future__ import annotations

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Option


def run(context: Context, *, services: list[str], with_dependents: bool, no_wait: bool, as_json: bool) -> int:
    """Restart and wait until everything is settled again."""
    session = context.running()
    shared.known(services, shared.names(session))
    with shared.progress(context, as_json=as_json) as progress:
        settled = session.restart(services, with_dependents=with_dependents, wait=not no_wait, on_item=progress.item)
    return shared.report(context, settled, waited=not no_wait)


COMMAND = Command(
    run,
    shared.SOME_SERVICES,
    Option("--with-dependents", flag=True, help="Also restart what depends on them, in order."),
    shared.NO_WAIT,
    shared.JSON,
    examples={
        "devctl restart order": "after a change that is not watched",
        "devctl restart kafka --with-dependents": "and everything that needs it",
    },
    shape=shared.PROGRESS_SHAPE,
)
