"""`devctl pause`: services are held where they are, until `devctl unpause`."""

from __future__ import annotations

from devctl.actions import names
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.errors import DevctlError
from devctl.text import listing


class PauseOptions(Options):
    """What `devctl pause` takes."""

    services = shared.SOME_INSTANCES
    as_json = shared.JSON


def run(context: Context, options: PauseOptions) -> int:
    """Hold every process of services or instances."""
    client = context.stack.running()
    names.check_instances(client, options.services)
    paused = client.pause(options.services)
    if not paused:
        raise DevctlError(
            f"nothing of {listing(options.services)} runs that is not paused", next="`devctl status` shows what does."
        )
    if options.as_json:
        import json

        context.terminal.write(json.dumps({"paused": paused}))
    else:
        context.terminal.say(f"Paused {listing(paused)}.")
    return 0


COMMAND = Command(
    run,
    PauseOptions,
    about="Its processes live, keep their memory and connections, and do nothing: those of a process get SIGSTOP, a "
    "container is frozen by its engine. Health checks are held back meanwhile, `status` shows `paused`, and the relay "
    "passes no new connection to a paused instance. `stop`, `restart` and `down` let it go on first.",
    examples={
        "devctl pause payment": "see how the others bear a service that hangs",
        "devctl pause api.2": "one instance alone",
    },
    shape="One object: `paused` (the ids of the instances that were not paused before).",
)
