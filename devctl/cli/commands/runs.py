"""`devctl runs`: what is kept of past runs."""

from __future__ import annotations

import json
import time

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command
from devctl.text import duration, size


def run(context: Context, *, as_json: bool) -> int:
    """List the runs, newest first, with their size on disk."""
    from devctl.record import store

    found = [(one.id, started(one.id), store.size(one)) for one in store.runs(context.paths)]
    if as_json:
        for run_id, began, total in found:
            context.terminal.write(json.dumps({"run": run_id, "started_at": _stamp(began), "bytes": total}))
        return 0
    from devctl.render import table

    rows: list[list[table.Cell]] = [
        [run_id, f"{duration(max(0, time.time() - began))} ago", size(total)] for run_id, began, total in found
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
    shared.JSON,
    about="The last ten are kept. `devctl logs --run ID` reads one.",
    examples={"devctl runs": "newest first", "devctl prune": "delete the past ones"},
    shape="JSON lines `{run, started_at, bytes}`, newest first.",
)
