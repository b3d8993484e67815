"""`devctl map`: who calls whom, from real traffic."""

from __future__ import annotations

import json
import time

from devctl.actions.finders import open_spans
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Text
from devctl.errors import ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devctl.queries.map import Edge

DEFAULT_WINDOW = "15m"


class MapOptions(Options):
    """What `devctl map` takes."""

    since = Text("--since", metavar="TIME", help=f"How far back: 5m, or an RFC 3339 time [{DEFAULT_WINDOW}].")
    format = Text("--format", choices=("dot", "mermaid"), help="Print a drawing instead of the table.")
    as_json = shared.JSON
    run_id = shared.RUN


def run(context: Context, options: MapOptions) -> int:
    """Show the service map of the last minutes."""
    from devctl.queries import map as maps

    now = time.time_ns()
    since = options.since or DEFAULT_WINDOW
    begin = shared.moment(since, "--since", now) or 0
    edges = maps.edges(open_spans(context.stack.run(options.run_id or "")), begin, now)
    if options.as_json:
        for edge in edges:
            context.terminal.write(json.dumps(maps.as_json(edge)))
    elif options.format:
        context.terminal.write(maps.dot(edges) if options.format == "dot" else maps.mermaid(edges))
    elif not edges:
        context.terminal.say(f"No call between services in the last {since}.")
    else:
        _show(context, edges)
    return ExitCode.OK


def _show(context: Context, edges: Sequence[Edge]) -> None:
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
        for edge in edges
    ]
    heads = ["caller", "", "callee", "calls", "rate", "errors", "p95"]
    for line in table.lines(heads, rows, context.terminal, right="calls rate errors p95"):
        context.terminal.write(line)


def _rate(per_second: float) -> str:
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{per_second * 60:.2g}/min"


COMMAND = Command(
    run,
    MapOptions,
    about="→ calls over HTTP, ⇢ events (consumers found by parent or by link).",
    examples={
        "devctl map": "the traffic of the last 15 minutes",
        "devctl map --format dot | dot -Tsvg > map.svg": "as a picture",
    },
    shape="One edge a line: `caller`, `callee`, `kind` (http or event), `calls`, `errors`, `rate` (per second), "
    "`p95_ms`.",
)
