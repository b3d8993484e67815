"""`up` in the foreground: start, follow the logs, and on Ctrl-C or a lost terminal stop what was begun here."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from devctl.actions import follow
from devctl.actions.up import Startup
from devctl.cli import display
from devctl.cli.context import Context
from devctl.cli.leaving import LeaveSignals
from devctl.cli.log_output import LogOutput
from devctl.errors import DevctlError, ExitCode
from devctl.record import logs
from devctl.render import logs as rendered
from devctl.render import progress, status
from devctl.text import duration, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.record.batch import Batch


def run(context: Context, startup: Startup, show_result: Callable[[], None], *, as_json: bool) -> int:
    """Start the stack, stay with it, and return the exit code of the command."""
    with LeaveSignals(context.terminal.lose) as signals:
        try:
            with signals.raised():
                startup.run()
                show_result()
                startup.client.close()
                return _follow(context, startup, as_json=as_json)
        except KeyboardInterrupt:
            return _leave(context, startup, signals)


def _follow(context: Context, startup: Startup, *, as_json: bool) -> int:
    """Follow the logs until the stack is gone."""
    if as_json:
        follow.until_gone(startup.stack, display.choose(context, as_json=True))
        return ExitCode.OK
    keys = "Enter shows the addresses again, " if context.terminal.can_ask else ""
    ctrl_c = "stops the stack" if startup.owns_run else "detaches"
    context.terminal.say(f"Following the logs; {keys}Ctrl-C {ctrl_c}.")
    _follow_logs(context, startup)
    context.terminal.say("The stack was stopped.")
    return ExitCode.OK


def _follow_logs(context: Context, startup: Startup) -> None:
    """Show the logs of the services of this start and what happens to them, until the stack is gone."""
    terminal = context.terminal
    watcher = follow.StackWatcher(startup.stack, progress.Plain(terminal))
    width = max((len(name) for name in startup.spec.active), default=0)
    render = rendered.for_people(rendered.LogStyle(colour=terminal.colour(), pretty=True, width=width))
    keep = follow.foreground_filter(startup.spec, startup.options.services)

    def shown(batch: Batch) -> bytes:
        kept = keep(batch)
        return render(kept) if kept else b""

    watcher.start()
    if terminal.can_ask:
        threading.Thread(target=_answer_enter, args=(context, startup), name="enter", daemon=True).start()
    since_ns = None if startup.owns_run else startup.began_ns
    query = logs.Query(services=tuple(startup.options.services), since_ns=since_ns)
    try:
        follow.stream_logs(startup.stack.run(), query, LogOutput(terminal, shown), stop=watcher.gone.is_set)
    finally:
        watcher.hush()


def _answer_enter(context: Context, startup: Startup) -> None:
    """Show the addresses again whenever the person presses Enter."""
    while sys.stdin.readline():
        session = startup.stack.session()
        context.terminal.say("\n".join(status.addresses(session.status(), context.terminal)))
        session.close()


def _leave(context: Context, startup: Startup, signals: LeaveSignals) -> int:
    """Stop the run that this `up` began, at once on a second Ctrl-C; detach from one that it joined."""
    terminal = context.terminal
    if not startup.hang_up():
        terminal.say(typed("\nDetached: another `up` began this run, so it goes on. `devctl down` stops it."))
        return ExitCode.INTERRUPTED
    terminal.say("\nStopping in order; press Ctrl-C again to stop at once.")
    try:
        with signals.raised():
            _stop(context, startup, now=False)
    except KeyboardInterrupt:
        terminal.say("\nStopping at once.")
        _stop(context, startup, now=True)
    return ExitCode.INTERRUPTED


def _stop(context: Context, startup: Startup, *, now: bool) -> None:
    client = startup.stack.client()
    if client is None:
        return
    began = time.monotonic()
    try:
        stopping = display.choose(context, stopping=True)
        with stopping:
            client.down(now=now, on_item=stopping.item)
    except DevctlError:
        if startup.stack.client() is not None:  # else it was stopped before it could answer this call
            raise
    context.terminal.say(f"Stopped everything in {duration(time.monotonic() - began)}.")
