"""Which display of an action fits this call, and how its end is shown."""

from __future__ import annotations

from collections.abc import Sequence

from devctl.cli.context import Context
from devctl.errors import ExitCode
from devctl.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.display import Display
    from devctl.diagnosis.views import WhyView
    from devctl.session.protocol import Settled


def choose(context: Context, *, as_json: bool = False, quiet: bool = False, stopping: bool = False) -> Display:
    """Return the display that fits: JSON lines, rows redrawn on a terminal, plain lines, or none."""
    from devctl.render import progress

    if as_json:
        return progress.Json(context.terminal)
    if quiet:
        return progress.Quiet(context.terminal)
    if not context.terminal.is_live:
        return progress.Plain(context.terminal)
    from devctl.render.live import Live

    return Live(context.terminal, stopping=stopping)


def report(context: Context, settled: Settled, *, waited: bool) -> int:
    """Show why services failed that were to come up, and return the exit code."""
    if not waited:
        return ExitCode.OK
    say_rolled_back(context, settled)
    if settled["failed"]:
        session = context.stack.session()
        explain(context, context.stack.why(session, settled["failed"]))
        session.close()
    return ExitCode.OK if settled["healthy"] else ExitCode.UNHEALTHY


def say_rolled_back(context: Context, settled: Settled) -> None:
    """Say which changes were taken back, and why."""
    for name, reason in settled["rolled_back"].items():
        why = f"it did not become healthy: {clean(reason)}"
        context.terminal.say(f"The change of {clean(name)} was taken back, since {why}")


def explain(context: Context, explanations: Sequence[WhyView]) -> None:
    """Show why services are not good, on stderr."""
    from devctl.render import diagnosis

    for view in explanations:
        context.terminal.say("\n".join(diagnosis.lines(view, context.terminal)))
