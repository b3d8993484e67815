"""`devctl journey`: what happened to one order (or whatever the manifest's `journeys:` name)."""

from __future__ import annotations

import json

from devctl.actions.finders import open_spans
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Argument
from devctl.errors import ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Journey
    from devctl.record.store import Run


class JourneyOptions(Options):
    """What `devctl journey` takes."""

    entity = Argument("ID", help="The id of the order, or of whatever `journeys:` in stack.yaml names.")
    as_json = shared.JSON
    run_id = shared.RUN


def run(context: Context, options: JourneyOptions) -> int:
    """Show the journey of one entity through the current or last run."""
    from devctl.queries import journey

    recorded = context.stack.run(options.run_id or "")
    entries = journey.collect(recorded, open_spans(recorded), _journeys(recorded), options.entity)
    if not entries:
        raise UsageError(
            f"no span and no log line of this run mentions {options.entity!r}",
            next="Check the id; spans arrive up to a second late; `--run` looks into an earlier run.",
        )
    if options.as_json:
        for line in journey.as_json(entries):
            context.terminal.write(json.dumps(line))
        return ExitCode.OK
    from devctl.render import journey as rendered

    for shown in rendered.lines(options.entity, entries, context.terminal):
        context.terminal.write(shown)
    return ExitCode.OK


def _journeys(recorded: Run) -> list[Journey]:
    from devctl.core.spec import Journey, from_json

    document = json.loads(recorded.spec_file.read_text())
    journeys = [from_json(Journey, entry) for entry in document.get("journeys", [])]
    if not journeys:
        raise UsageError(
            "the manifest names no journeys",
            next="Say which attribute carries the id: `journeys: {order: {attribute: order.id, field: order_id}}`.",
        )
    return journeys


COMMAND = Command(
    run,
    JourneyOptions,
    about="Requests, events, database writes and log lines of every service in time order, with the time between "
    "them. ▶ request, → call, ⇢ published, ⇠ consumed, ▤ database write, · log line.",
    examples={"devctl journey 0198f6a2-5c1e-7b30-8a44-1f2e3d4c5b6a": "what happened to this order"},
    shape="One entry a line: `time`, `after_ms` (since the entry before), `kind` (request, call, published, consumed, "
    "database, log), `service`, `what`, `duration_ms`, `error`, `trace_id`, `span_id`.",
)
