"""`devctl journey`: what happened to one order (or whatever the manifest's `journeys:` name)."""

from __future__ import annotations

import json

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Argument, Command
from devctl.errors import ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Journey
    from devctl.record.store import Run


def run(context: Context, *, thing: str, as_json: bool, run_id: str | None) -> int:
    """Show the journey of one thing through the current or last run."""
    from devctl.cli.commands.traces import reader_of
    from devctl.queries import journey

    recorded = context.run(run_id or "")
    entries = journey.travel(recorded, reader_of(recorded), _journeys(recorded), thing)
    if not entries:
        raise UsageError(
            f"no span and no log line of this run knows {thing!r}",
            next="Check the id; spans arrive up to a second late; `--run` looks into an earlier run.",
        )
    if as_json:
        for line in journey.as_json(entries):
            context.terminal.write(json.dumps(line))
        return ExitCode.OK
    from devctl.render import journey as rendered

    for shown in rendered.lines(thing, entries, context.terminal):
        context.terminal.write(shown)
    return ExitCode.OK


def _journeys(recorded: Run) -> list[Journey]:
    from devctl.core.spec import Journey, from_json

    document = json.loads(recorded.spec_file.read_text())
    found = [from_json(Journey, entry) for entry in document.get("journeys", [])]
    if not found:
        raise UsageError(
            "the manifest names no journeys",
            next="Say which attribute carries the id: `journeys: {order: {attribute: order.id, field: order_id}}`.",
        )
    return found


COMMAND = Command(
    run,
    Argument("thing", metavar="ID", help="The id of the order, or of whatever `journeys:` in stack.yaml names."),
    shared.JSON,
    shared.RUN,
    about="Requests, events, database writes and log lines of every service in time order, with the time between "
    "them. ▶ request, → call, ⇢ published, ⇠ consumed, ▤ database write, · log line.",
    examples={"devctl journey 0198f6a2-5c1e-7b30-8a44-1f2e3d4c5b6a": "what happened to this order"},
    shape="One entry a line: `time`, `after_ms` (since the entry before), `kind` (request, call, published, consumed, "
    "database, log), `service`, `what`, `duration_ms`, `error`, `trace_id`, `span_id`.",
)
