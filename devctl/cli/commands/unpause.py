"""`devctl unpause`: paused services go on where they were."""

from __future__ import annotations

from devctl.actions import names
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.errors import DevctlError
from devctl.text import listing


class UnpauseOptions(Options):
    """What `devctl unpause` takes."""

    services = shared.INSTANCES
    as_json = shared.JSON


def run(context: Context, options: UnpauseOptions) -> int:
    """Let paused services or instances go on."""
    client = context.stack.running()
    names.check_instances(client, options.services)
    unpaused = client.unpause(options.services)
    if not unpaused:
        of = f" of {listing(options.services)}" if options.services else ""
        raise DevctlError(f"nothing{of} is paused", next="`devctl status` shows what is.")
    if options.as_json:
        import json

        context.terminal.write(json.dumps({"unpaused": unpaused}))
    else:
        context.terminal.say(f"Unpaused {listing(unpaused)}.")
    return 0


COMMAND = Command(
    run,
    UnpauseOptions,
    about="Health checks go on, too; an instance is again what it was until they say otherwise.",
    examples={"devctl unpause payment": "let it go on", "devctl unpause": "whatever is paused"},
    shape="One object: `unpaused` (the ids of the instances that were paused).",
)
