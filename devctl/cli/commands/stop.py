"""`devctl stop`: services go down and stay down."""

from __future__ import annotations

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command
from devctl.text import duration, listing


def run(context: Context, *, services: list[str]) -> int:
    """Stop the named services and nothing else."""
    session = context.running()
    shared.known(services, shared.names(session))
    settled = session.stop(services)
    context.terminal.say(f"Stopped {listing(services)} in {duration(settled['seconds'])}.")
    return 0


COMMAND = Command(
    run,
    shared.SOME_SERVICES,
    about="What depends on them keeps running, as in Compose; `devctl start` brings them back.",
    examples={"devctl stop payment": "see how the others bear it", "devctl stop order cart": "two at once"},
)
