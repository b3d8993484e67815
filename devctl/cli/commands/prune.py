"""`devctl prune`: past runs go, and on request the data of services that no longer run."""

from __future__ import annotations

import shutil
from pathlib import Path

from devctl.cli import shared
from devctl.cli.commands.down import confirm
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Option
from devctl.errors import UsageError
from devctl.text import count, size


def run(context: Context, *, volumes: bool, yes: bool, dry_run: bool) -> int:
    """Delete what is past; never the current run, never data in use."""
    from devctl.record import store

    client = context.client()
    current = client.hello()["run"] if client else ""
    if volumes and client:
        raise UsageError("the stack runs and uses its data", next="`devctl down --volumes` stops it and deletes both.")
    past = [one for one in store.runs(context.paths) if one.id != current]
    data = sorted(context.paths.volumes.iterdir()) if volumes and context.paths.volumes.is_dir() else []
    freed = sum(store.size(one) for one in past) + sum(map(_size, data))
    what = count(len(past), "past run") + (f" and the data of {count(len(data), 'volume')}" if volumes else "")
    if not past and not data:
        context.terminal.say("There is nothing to delete.")
        return 0
    if dry_run:
        context.terminal.say(f"Would delete {what}: {size(freed)}.")
        return 0
    confirm(context, f"Delete {what} ({size(freed)})?", yes=yes)
    for one in past:
        store.delete(one)
    for folder in data:
        shutil.rmtree(folder)
    context.terminal.say(f"Deleted {what}: {size(freed)}.")
    return 0


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


COMMAND = Command(
    run,
    Option("--volumes", flag=True, help="Also delete the data of all services (the stack must be down)."),
    Option("--dry-run", flag=True, help="Say what would go, and delete nothing."),
    shared.YES,
    about="The run that is going on is never touched. Downloaded programs stay: `devctl tools remove`.",
    examples={"devctl prune": "past runs, after a question", "devctl prune --volumes --yes": "all that is left behind"},
)
