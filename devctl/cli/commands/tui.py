"""`devctl tui`: the whole stack in the terminal, every action one key away."""

from __future__ import annotations

from pathlib import Path

from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag, Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.up import Startup
    from devctl.tui.stack import Stack

THEMES = ("dark", "light", "contrast", "terminal", "mono")


class TuiOptions(Options):
    """What `devctl tui` takes."""

    plain = Flag("--plain", help="As linear text, one event a line, for screen readers.")
    replay = Text("--replay", metavar="FILE", complete="file", help="Play a recorded stream, with the clock of then.")
    theme = Text("--theme", choices=THEMES, env="DEVCTL_THEME", help="Colours; Ctrl+T changes and remembers them.")


def run(context: Context, options: TuiOptions) -> int:
    """Show the running stack, the last run when nothing runs, or a recording."""
    if options.replay:
        from devctl.tui.replay import read

        return show(context, read(Path(options.replay)), options)
    from devctl.tui.live import LiveStack

    paths = context.stack.paths
    return show(context, LiveStack(context.stack), options, memory=paths.state / "tui.json")


def run_started(context: Context, startup: Startup) -> int:
    """Show the stack of a start that has been accepted; leaving asks whether the stack shall stay."""
    from devctl.tui.live import LiveStack

    stack = startup.stack
    memory = stack.paths.state / "tui.json"
    return show(
        context, LiveStack(stack), TuiOptions({}, context.stack.environ), memory=memory, began_stack=startup.owns_run
    )


def refuse_without_textual() -> None:
    """Raise EnvironmentProblem where the terminal UI is not installed, before anything is started for it."""
    from devctl.tui import launch

    launch.refuse_without_textual()


def show(
    context: Context, stack: Stack, options: TuiOptions, *, memory: Path | None = None, began_stack: bool = False
) -> int:
    """Show a stack in the terminal UI, or as plain lines where that is asked for or all that can be."""
    from devctl.tui import launch

    terminal = context.terminal
    environ = dict(context.stack.environ)
    if options.theme:
        environ["DEVCTL_THEME"] = options.theme
    if terminal.no_color:
        environ["NO_COLOR"] = "1"
    refusal = launch.terminal_refuses(environ)
    if not (options.plain or refusal):
        terminal.flush()
        project = context.stack.selection.project_name
        command = f"devctl -p {project}" if project else "devctl"
        return launch.run(stack, terminal.write, environ, command=command, memory_file=memory, began_stack=began_stack)
    if not options.plain:
        terminal.say(f"Plain lines instead of the terminal UI: {refusal}.")

    def write(line: str) -> None:
        terminal.write(line)
        terminal.flush()

    is_script = bool(environ.get("CI")) or not terminal.is_terminal
    return launch.plain(stack, write, once=is_script and not options.plain)


COMMAND = Command(
    run,
    TuiOptions,
    about="`?` shows all keys, `:` all commands, `q` leaves; leaving leaves the stack as it is. Where stdin or stdout "
    "is no terminal, TERM is dumb, CI is set, or DEVCTL_TUI=0, it prints plain lines instead. DEVCTL_REDUCED_MOTION=1 "
    "lets nothing flash. Needs the extra `devctl[tui]`, which `make setup` brings.",
    examples={
        "devctl tui": "the stack of this folder",
        "devctl up --tui": "start it and watch it start",
        "devctl tui --plain": "for a screen reader, or a log",
        "devctl tui --replay bug.jsonl": "see what somebody else saw",
    },
)
