"""`devctl metrics`: the boards in the terminal, or one PromQL query."""

from __future__ import annotations

import json
import time
from pathlib import Path

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Argument, Command, Option
from devctl.errors import ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devctl.queries.boards import Board
    from devctl.queries.prometheus import Prometheus, Series

BOARDS = "dashboards"  # beside the manifest, where Grafana's recipe reads them too
POINTS = 80
REDRAW_SECONDS = 5.0
HOME_AND_CLEAR = "\x1b[H\x1b[J"


def run(
    context: Context,
    *,
    board: str | None,
    query: str | None,
    since: str | None,
    variables: list[str],
    watch: bool,
    as_json: bool,
) -> int:
    """Draw a board, or the answer to one query."""
    window = shared.duration(since, "--since") or 900.0
    if not query and not board:
        return _list(context, as_json=as_json)
    chosen = _asked(query) if query else _find(context, str(board))
    server = prometheus(context)
    values = _values(chosen, variables)
    while True:
        drawn = list(_draw(context, server, chosen, values, window, as_json=as_json))
        context.terminal.write((HOME_AND_CLEAR if watch and context.terminal.is_terminal else "") + "\n".join(drawn))
        if not watch:
            return ExitCode.OK
        context.terminal.flush()
        time.sleep(REDRAW_SECONDS)


def prometheus(context: Context) -> Prometheus:
    """Return the stack's Prometheus; UsageError when the stack has none that runs."""
    from devctl.queries.prometheus import Prometheus

    for service in context.running().status()["services"]:
        if service["uses"] == "prometheus":
            if service["status"] == "healthy":
                return Prometheus(service["ports"]["http"])
            raise UsageError(
                f"Prometheus is {service['status']}: {service['reason']}".rstrip(": "),
                where=service["name"],
                next=service["cure"] or f"See `devctl why {service['name']}`.",
            )
    raise UsageError("this stack has no Prometheus", next="Add it to stack.yaml: `prometheus: {uses: prometheus}`.")


def _boards(context: Context) -> list[Board]:
    from devctl.queries import boards

    folder = Path(context.paths.folder) / BOARDS
    found = boards.load_all(folder)
    if not found:
        raise UsageError(
            "no boards here", where=str(folder), next="Ask Prometheus itself: `devctl metrics --query up`."
        )
    return found


def _list(context: Context, *, as_json: bool) -> int:
    from devctl.render import table
    from devctl.text import clean

    found = _boards(context)
    if as_json:
        for board in found:
            context.terminal.write(json.dumps({"board": board.uid, "title": board.title, "panels": len(board.panels)}))
        return ExitCode.OK
    rows = [[clean(board.uid), str(len(board.panels)), clean(board.title)] for board in found]
    for line in table.lines(["board", "panels", "title"], rows, context.terminal, right="panels"):
        context.terminal.write(line)
    return ExitCode.OK


def _find(context: Context, name: str) -> Board:
    from devctl.text import listing, nearest

    found = _boards(context)
    for board in found:
        if name.lower() in (board.uid.lower(), board.title.lower()):
            return board
    guess = nearest(name, [board.uid for board in found])
    hint = f"Did you mean {guess!r}?" if guess else f"There are {listing(board.uid for board in found)}."
    raise UsageError(f"no board {name!r}", next=hint)


def _asked(query: str) -> Board:
    from devctl.queries.boards import Board, Panel, Target

    panel = Panel(query, "timeseries", "", "", "", (Target(query, ""),))
    return Board("", "", (panel,), {})


def _values(board: Board, given: Sequence[str]) -> dict[str, str]:
    values = dict(board.variables)
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or name not in values:
            from devctl.text import listing

            raise UsageError(f"--var {pair!r}", next=f"This board has {listing(sorted(values)) or 'no variables'}.")
        values[name] = value
    return values


def _draw(
    context: Context, server: Prometheus, board: Board, values: dict[str, str], window: float, *, as_json: bool
) -> Iterator[str]:
    from devctl.render import boards as rendered

    if board.title and not as_json:
        yield rendered.board_head(board, context.terminal)
    from devctl.queries import boards

    now = time.time()
    step = max(window / POINTS, 1.0)
    for panel in board.panels:
        series = []
        for target in panel.targets:
            asked = boards.expression(target, values, step_seconds=step, range_seconds=window)
            series += [(boards.legend(target, one.labels), one) for one in server.range(asked, now - window, now, step)]
        if as_json:
            yield from (json.dumps(_json(panel.title, name, one)) for name, one in series)
        else:
            yield from ["", *rendered.panel_lines(panel, series, context.terminal, window=(now - window, now, step))]


def _json(panel: str, name: str, one: Series) -> dict[str, object]:
    return {"panel": panel, "series": name, "labels": dict(one.labels), "points": [list(point) for point in one.points]}


COMMAND = Command(
    run,
    Argument("board", required=False, metavar="[BOARD]", help="The board to draw; without it they are listed."),
    Option("--query", "-q", metavar="PROMQL", help="Ask this instead of drawing a board."),
    Option("--since", metavar="TIME", help="How far back [15m]."),
    Option("--var", many=True, metavar="NAME=VALUE", name="variables", help="Choose a board's variable."),
    Option("--watch", "-w", flag=True, help="Redraw every five seconds until Ctrl-C."),
    shared.JSON,
    about="Boards are the JSON files of dashboards/ beside the manifest, the same that Grafana shows.",
    examples={
        "devctl metrics": "list the boards",
        "devctl metrics shop-overview --since 1h": "draw one",
        "devctl metrics --query 'sum by (job) (up)'": "ask Prometheus",
    },
    shape="Without a board: one board a line, `board`, `title`, `panels`. With one, or with `--query`: one series a "
    "line, `panel`, `series`, `labels`, `points` (pairs of Unix seconds and value).",
)
