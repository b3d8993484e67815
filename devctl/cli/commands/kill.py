"""`devctl kill`: a signal to a service, as a crash would have it; its restart policy acts."""

from __future__ import annotations

import signal as signals

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Option
from devctl.errors import DevctlError, UsageError
from devctl.text import listing, nearest


def run(context: Context, *, services: list[str], signal: str | None) -> int:
    """Send the signal and say which instances got it."""
    name = _signal(signal or "KILL")
    session = context.running()
    shared.known([service.partition(".")[0] for service in services], shared.names(session))
    hit = session.kill(services, signal=name)
    if not hit:
        raise DevctlError(f"nothing of {listing(services)} runs", next="`devctl status` shows what does.")
    context.terminal.say(f"Sent {name} to {listing(hit)}.")
    return 0


def _signal(word: str) -> str:
    name = word.upper() if word.upper().startswith("SIG") else f"SIG{word.upper()}"
    if word.isdigit() and int(word) in {int(number) for number in signals.Signals}:
        return signals.Signals(int(word)).name
    if name not in signals.Signals.__members__:
        guess = nearest(name, signals.Signals.__members__)
        raise UsageError(f"no signal {word!r}", next=f"Did you mean {guess!r}?" if guess else "")
    return name


COMMAND = Command(
    run,
    shared.SOME_SERVICES,
    Option("--signal", "-s", metavar="SIGNAL", help="Signal to send instead of KILL: a name or a number."),
    about="Unlike `stop`, this is not undone for the restart policy: the service comes back, at once and however "
    "often; what ends by such a signal counts as no crash.",
    examples={"devctl kill payment": "watch it come back", "devctl kill -s HUP order": "any other signal"},
)
