"""`devctl runs`: what is kept of past runs."""

from __future__ import annotations

import json
import time

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.text import duration, size


class RunsOptions(Options):
    """What `devctl runs` takes."""

    as_json = shared.JSON


def run(context: Context, options: RunsOptions) -> int:
    """List the runs, newest first, with their size on disk."""
    from devctl.record import store

    runs = [(recorded.id, started(recorded.id), store.size(recorded)) for recorded in store.runs(context.stack.paths)]
    if options.as_json:
        for run_id, began, total in runs:
            context.terminal.write(json.dumps({"run": run_id, "started_at": _stamp(began), "bytes": total}))
        return 0
    from devctl.render import table

    rows: list[list[table.Cell]] = [
        [run_id, f"{duration(max(0, time.time() - began))} ago", size(total)] for run_id, began, total in runs
    ]
    if rows:
        context.terminal.write("\n".join(table.lines(("run", "started", "size"), rows, context.terminal, right="size")))
    else:
        context.terminal.say("No run is recorded here.")
    return 0


def started(run_id: str) -> float:
    """Return when a run began, in seconds since the epoch, as its id says."""
    import calendar

    try:
        return float(calendar.timegm(time.strptime(run_id[:15], "%Y%m%d-%H%M%S")))
    except ValueError:
        return 0.0


def _stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


COMMAND = Command(
    run,
    RunsOptions,
    about="The last ten are kept. `devctl logs --run ID` reads one.",
    examples={"devctl runs": "newest first", "devctl prune": "delete the past ones"},
    shape="JSON lines `{run, started_at, bytes}`, newest first.",
)
