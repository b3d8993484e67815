"""`up` in the foreground: start, follow the logs, and on Ctrl-C or a lost terminal stop what was begun here."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from devctl.actions.up import Start, Wishes, conclude
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.ctrl_c import INTERRUPTS
from devctl.errors import DevctlError, ExitCode
from devctl.text import duration, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec
    from devctl.session.client import Client


class _Hangup(BaseException):
    """The terminal is gone, or somebody asks this process to end."""


@contextmanager
def _hangups() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise _Hangup

    earlier = {number: signal.signal(number, ring) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def bring(context: Context, client: Client, spec: Spec, wishes: Wishes) -> int:
    """Start the stack, stay with it, and return the exit code of the command."""
    start = Start(context, wishes, give_up=False)
    try:
        with _hangups():
            settled = start.apply(client, spec)
            conclude(context, client, settled, wishes, start.began_ns)
            client.close()
            INTERRUPTS.look()
            return _follow(context, spec, wishes, start)
    except (_Hangup, KeyboardInterrupt) as leaving:
        if isinstance(leaving, _Hangup):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            context.terminal.lose()
        return _leave(context, began=start.began if start.accepted else client.started)


def _follow(context: Context, spec: Spec, wishes: Wishes, start: Start) -> int:
    """Follow the logs until the stack is gone."""
    from devctl.actions import follow

    if wishes.as_json:
        follow.until_gone(context, shared.progress(context, as_json=True))
        return ExitCode.OK
    keys = "Enter shows the addresses again, " if context.terminal.can_ask else ""
    context.terminal.say(f"Following the logs; {keys}Ctrl-C {'stops the stack' if start.began else 'detaches'}.")
    since_ns = None if start.began else start.began_ns
    follow.logs_until_gone(context, spec, wishes.services, since_ns)
    context.terminal.say("The stack was stopped.")
    return ExitCode.OK


def _leave(context: Context, *, began: bool) -> int:
    """Stop what this `up` began, at once when asked twice; let go of what it joined."""
    terminal = context.terminal
    if not began:
        terminal.say(typed("\nDetached: another `up` began this run, so it goes on. `devctl down` stops it."))
        return ExitCode.INTERRUPTED
    terminal.say("\nStopping in order; Ctrl-C again stops at once.")
    try:
        _stop(context, now=False)
    except KeyboardInterrupt:
        terminal.say("\nStopping at once.")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _stop(context, now=True)
    return ExitCode.INTERRUPTED


def _stop(context: Context, *, now: bool) -> None:
    client = context.client()
    if client is None:
        return
    began = time.monotonic()
    try:
        with shared.progress(context, stopping=True) as progress:
            client.down(now=now, on_item=progress.item)
    except DevctlError:
        if context.client() is not None:  # else it was stopped before it could answer this call
            raise
    context.terminal.say(f"Stopped everything in {duration(time.monotonic() - began)}.")
