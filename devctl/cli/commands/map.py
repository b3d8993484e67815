"""`devctl map`: who calls whom, from real traffic."""

from __future__ import annotations

import json
import time

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Option
from devctl.errors import ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devctl.queries.map import Edge

DEFAULT_WINDOW = "15m"


def run(context: Context, *, since: str | None, shape: str | None, as_json: bool, run_id: str | None) -> int:
    """Show the service map of the last minutes."""
    from devctl.cli.commands.traces import reader_of
    from devctl.queries import map as maps

    now = time.time_ns()
    begin = shared.moment(since or DEFAULT_WINDOW, "--since", now) or 0
    found = maps.edges(reader_of(context.run(run_id or "")), begin, now)
    if as_json:
        for edge in found:
            context.terminal.write(json.dumps(maps.as_json(edge)))
    elif shape:
        context.terminal.write(maps.dot(found) if shape == "dot" else maps.mermaid(found))
    elif not found:
        context.terminal.say(f"No call between services in the last {since or DEFAULT_WINDOW}.")
    else:
        _show(context, found)
    return ExitCode.OK


def _show(context: Context, found: Sequence[Edge]) -> None:
    from devctl.render import table
    from devctl.render.traces import short
    from devctl.text import duration

    rows: list[list[table.Cell]] = [
        [
            short(edge.caller),
            "⇢" if edge.kind == "event" else "→",
            short(edge.callee),
            str(edge.calls),
            _rate(edge.rate),
            (f"{edge.error_share:.1%}", "red") if edge.errors else "",
            duration(edge.p95_ms / 1000),
        ]
        for edge in found
    ]
    heads = ["caller", "", "callee", "calls", "rate", "errors", "p95"]
    for line in table.lines(heads, rows, context.terminal, right="calls rate errors p95"):
        context.terminal.write(line)


def _rate(per_second: float) -> str:
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{per_second * 60:.2g}/min"


COMMAND = Command(
    run,
    Option("--since", metavar="TIME", help=f"How far back: 5m, or an RFC 3339 time [{DEFAULT_WINDOW}]."),
    Option("--format", choices=("dot", "mermaid"), name="shape", help="Print a drawing instead of the table."),
    shared.JSON,
    shared.RUN,
    about="→ calls over HTTP, ⇢ events (consumers found by parent or by link).",
    examples={
        "devctl map": "the traffic of the last 15 minutes",
        "devctl map --format dot | dot -Tsvg > map.svg": "as a picture",
    },
    shape="One edge a line: `caller`, `callee`, `kind` (http or event), `calls`, `errors`, `rate` (per second), "
    "`p95_ms`.",
)
