"""`devctl kill`: a signal to a service, as a crash would have it; its restart policy acts."""

from __future__ import annotations

import signal as signals

from devctl.actions import names
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Text
from devctl.errors import DevctlError, UsageError
from devctl.text import listing, nearest


class KillOptions(Options):
    """What `devctl kill` takes."""

    services = shared.SOME_INSTANCES
    signal = Text("--signal", "-s", metavar="SIGNAL", help="Signal to send instead of KILL: a name or a number.")
    as_json = shared.JSON


def run(context: Context, options: KillOptions) -> int:
    """Send the signal and say which instances got it."""
    signal = _signal(options.signal or "KILL")
    client = context.stack.running()
    names.check_instances(client, options.services)
    hit = client.kill(options.services, signal=signal)
    if not hit:
        raise DevctlError(f"nothing of {listing(options.services)} runs", next="`devctl status` shows what does.")
    if options.as_json:
        import json

        context.terminal.write(json.dumps({"signal": signal, "instances": list(hit)}))
    else:
        context.terminal.say(f"Sent {signal} to {listing(hit)}.")
    return 0


def _signal(text: str) -> str:
    if text.isdigit() and int(text) in {int(number) for number in signals.Signals}:
        return signals.Signals(int(text)).name
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    if name not in signals.Signals.__members__:
        guess = nearest(name, signals.Signals.__members__)
        raise UsageError(f"no signal {text!r}", next=f"Did you mean {guess!r}?" if guess else "")
    return name


COMMAND = Command(
    run,
    KillOptions,
    about="Unlike after `stop`, the restart policy still applies: the service is restarted at once, however often it "
    "is killed, since an end by this signal does not count as a crash.",
    examples={
        "devctl kill payment": "watch it come back",
        "devctl kill -s HUP order": "any other signal",
        "devctl kill order.2": "one instance",
    },
    shape="One object: `signal`, `instances` (the ids of those that got it).",
)
