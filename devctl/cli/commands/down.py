"""`devctl down`: everything stops in reverse order; nothing of it is left."""

from __future__ import annotations

from devctl.cli import shared
from devctl.cli.context import NOTHING_RUNS, Context
from devctl.cli.line.declare import Command, Option
from devctl.errors import ExitCode, UsageError
from devctl.text import duration


def run(context: Context, *, volumes: bool, yes: bool, now: bool, as_json: bool) -> int:
    """Stop the stack; with `volumes` also delete its data."""
    terminal = context.terminal
    if volumes:
        confirm(context, f"Delete the data of the stack in {context.paths.folder}?", yes=yes)
    session = context.client()
    if session is None:
        if volumes:
            _delete_volumes(context)
        terminal.say(f"{NOTHING_RUNS.capitalize()}.")
        return ExitCode.OK
    quiet = not (as_json or terminal.is_live)
    with shared.progress(context, as_json=as_json, quiet=quiet, stopping=True) as progress:
        settled = session.down(volumes=volumes, now=now, on_item=progress.item)
        progress.settled(settled)
    if not as_json:
        terminal.say(f"Stopped everything in {duration(settled['seconds'])}." + (" Its data is gone." * volumes))
    return ExitCode.OK


def confirm(context: Context, question: str, *, yes: bool) -> None:
    """Return when the person agrees; UsageError when there is nobody to ask, or they do not."""
    if yes:
        return
    if not context.terminal.can_ask:
        raise UsageError("this deletes data and nobody can be asked here", next="Say --yes when it is meant.")
    if not context.terminal.ask(question):
        raise UsageError("nothing was deleted")


def _delete_volumes(context: Context) -> None:
    import shutil

    if context.paths.volumes.is_dir():
        shutil.rmtree(context.paths.volumes)


COMMAND = Command(
    run,
    Option("--volumes", "-v", flag=True, help="Also delete the data of all services."),
    Option("--now", flag=True, help="Kill at once instead of asking each service to stop."),
    shared.YES,
    shared.JSON,
    about="Logs and traces of the run stay readable (`devctl logs`, `devctl runs`).",
    examples={"devctl down": "stop it all", "devctl down --volumes --yes": "and begin with empty data next time"},
    shape=shared.PROGRESS_SHAPE,
)
