"""`devctl start`: services of the running stack that are stopped or failed come up again."""

from __future__ import annotations

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command


def run(context: Context, *, services: list[str], no_wait: bool, as_json: bool) -> int:
    """Start services of the specification in force; begin a run from the manifest where nothing runs."""
    session = context.client()
    if session is None:
        from devctl.actions.up import Wishes
        from devctl.cli.commands.up import bring

        return bring(context, Wishes(services=services, detach=True, wait=not no_wait, as_json=as_json))
    shared.known(services, shared.names(session))
    with shared.progress(context, as_json=as_json) as progress:
        settled = session.start(services, wait=not no_wait, on_item=progress.item)
    return shared.report(context, settled, waited=not no_wait)


COMMAND = Command(
    run,
    shared.SERVICES,
    shared.NO_WAIT,
    shared.JSON,
    about="They start as they were last defined; `devctl up` also applies what changed in stack.yaml.",
    examples={"devctl start payment": "after `devctl stop payment`", "devctl start": "everything that is down"},
    shape=shared.PROGRESS_SHAPE,
)
