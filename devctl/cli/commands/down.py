"""`devctl down`: everything stops in reverse order; nothing of it is left."""

from __future__ import annotations

from devctl.actions.access import NOTHING_RUNS
from devctl.cli import display, shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag
from devctl.errors import ExitCode, UsageError
from devctl.text import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.client import Client


class DownOptions(Options):
    """What `devctl down` takes."""

    volumes = Flag("--volumes", "-v", help="Also delete the data of all services.")
    now = Flag("--now", help="Kill at once instead of asking each service to stop.")
    yes = shared.YES
    as_json = shared.JSON


def run(context: Context, options: DownOptions) -> int:
    """Stop the stack; with `volumes` also delete its data."""
    if options.volumes:
        confirm(context, f"Delete the data of the stack in {context.stack.paths.folder}?", yes=options.yes)
    client = context.stack.client()
    if client is not None:
        return _stop(context, client, options)
    if options.volumes:
        _delete_volumes(context)
    context.terminal.say(f"{NOTHING_RUNS.capitalize()}.")
    return ExitCode.OK


def _stop(context: Context, client: Client, options: DownOptions) -> int:
    terminal = context.terminal
    quiet = not (options.as_json or terminal.is_live)
    stopping = display.choose(context, as_json=options.as_json, quiet=quiet, stopping=True)
    with stopping:
        settled = client.down(volumes=options.volumes, now=options.now, on_item=stopping.item)
        stopping.settled(settled)
    if not options.as_json:
        gone = " Its data is gone." if options.volumes else ""
        terminal.say(f"Stopped everything in {duration(settled['seconds'])}.{gone}")
    return ExitCode.OK


def confirm(context: Context, question: str, *, yes: bool) -> None:
    """Return when the person agrees; UsageError when there is nobody to ask, or they do not."""
    if yes:
        return
    if not context.terminal.can_ask:
        raise UsageError("this deletes data and nobody can be asked here", next="Say --yes to go ahead.")
    if not context.terminal.ask(question):
        raise UsageError("nothing was deleted")


def _delete_volumes(context: Context) -> None:
    import shutil

    if context.stack.paths.volumes.is_dir():
        shutil.rmtree(context.stack.paths.volumes)


COMMAND = Command(
    run,
    DownOptions,
    about="Logs and traces of the run stay readable (`devctl logs`, `devctl runs`).",
    examples={"devctl down": "stop it all", "devctl down --volumes --yes": "and begin with empty data next time"},
    shape=shared.PROGRESS_SHAPE,
)
