"""`devctl prune`: past runs go, and on request the data of services that no longer run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from devctl.cli import shared
from devctl.cli.commands.down import confirm
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag
from devctl.errors import UsageError
from devctl.text import count, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.record.store import Run


class PruneOptions(Options):
    """What `devctl prune` takes."""

    volumes = Flag("--volumes", help="Also delete the data of all services (the stack must be down).")
    dry_run = Flag("--dry-run", help="Say what would go, and delete nothing.")
    yes = shared.YES
    as_json = shared.JSON


def run(context: Context, options: PruneOptions) -> int:
    """Delete what is past; never the current run, never data in use."""
    from devctl.record import store

    past, data = _unused(context, volumes=options.volumes)
    freed = sum(map(store.size, past)) + sum(map(_size, data))
    what = count(len(past), "past run") + (f" and the data of {count(len(data), 'volume')}" if options.volumes else "")
    if (past or data) and not options.dry_run:
        confirm(context, f"Delete {what} ({size(freed)})?", yes=options.yes)
        for recorded in past:
            store.delete(recorded)
        for folder in data:
            shutil.rmtree(folder)
    if options.as_json:
        runs, volumes = [recorded.id for recorded in past], [folder.name for folder in data]
        context.terminal.write(
            json.dumps({"runs": runs, "volumes": volumes, "bytes": freed, "deleted": not options.dry_run})
        )
    elif not past and not data:
        context.terminal.say("There is nothing to delete.")
    else:
        context.terminal.say(f"{'Would delete' if options.dry_run else 'Deleted'} {what}: {size(freed)}.")
    return 0


def _unused(context: Context, *, volumes: bool) -> tuple[list[Run], list[Path]]:
    """Return the past runs and, on request, the folders of data; UsageError for data in use."""
    from devctl.record import store

    client = context.stack.client()
    if volumes and client:
        raise UsageError("the stack runs and uses its data", next="`devctl down --volumes` stops it and deletes both.")
    current = client.hello()["run"] if client else ""
    paths = context.stack.paths
    past = [recorded for recorded in store.runs(paths) if recorded.id != current]
    return past, sorted(paths.volumes.iterdir()) if volumes and paths.volumes.is_dir() else []


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


COMMAND = Command(
    run,
    PruneOptions,
    about="The run that is going on is never touched. Downloaded programs stay: `devctl tools remove`.",
    examples={"devctl prune": "past runs, after a question", "devctl prune --volumes --yes": "all that is left behind"},
    shape="One object: `runs` (ids), `volumes` (names), `bytes`, `deleted` (false with `--dry-run`).",
)
