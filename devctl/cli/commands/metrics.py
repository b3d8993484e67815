"""`devctl metrics`: the boards in the terminal, or one PromQL query."""

from __future__ import annotations

import json
import time
from pathlib import Path

from devctl.actions.finders import find_prometheus
from devctl.actions.names import check
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Duration, Flag, OptionalArgument, Text, TextList
from devctl.errors import ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devctl.queries.boards import Board
    from devctl.queries.prometheus import Prometheus, Series

POINTS = 80  # a terminal has no room for more
DEFAULT_WINDOW_SECONDS = 900.0
REDRAW_SECONDS = 5.0
HOME_AND_CLEAR = "\x1b[H\x1b[J"


class MetricsOptions(Options):
    """What `devctl metrics` takes."""

    board = OptionalArgument("[BOARD]", complete="board", help="The board to draw; without it they are listed.")
    query = Text("--query", "-q", metavar="PROMQL", help="Ask this instead of drawing a board.")
    since = Duration("--since", metavar="TIME", help="How far back [15m].")
    variables = TextList("--var", metavar="NAME=VALUE", help="Choose a board's variable.")
    watch = Flag("--watch", "-w", help="Redraw every five seconds until Ctrl-C.")
    as_json = shared.JSON


def run(context: Context, options: MetricsOptions) -> int:
    """Draw a board, or the answer to one query."""
    if not options.query and not options.board:
        return _list(context, as_json=options.as_json)
    board = _board_of(options.query) if options.query else _find(context, str(options.board))
    server = find_prometheus(context.stack.running())
    values = _values(board, options.variables)
    window = DEFAULT_WINDOW_SECONDS if options.since is None else options.since
    terminal = context.terminal
    while True:
        drawn = list(_draw(context, server, board, values, window, as_json=options.as_json))
        terminal.write((HOME_AND_CLEAR if options.watch and terminal.is_terminal else "") + "\n".join(drawn))
        if not options.watch:
            return ExitCode.OK
        terminal.flush()
        time.sleep(REDRAW_SECONDS)


def _boards(context: Context) -> list[Board]:
    from devctl.queries import boards

    folder = Path(context.stack.paths.folder) / boards.FOLDER
    loaded = boards.load_all(folder)
    if not loaded:
        raise UsageError(
            "no boards here", where=str(folder), next="Ask Prometheus itself: `devctl metrics --query up`."
        )
    return loaded


def _list(context: Context, *, as_json: bool) -> int:
    from devctl.render import table
    from devctl.text import clean

    boards = _boards(context)
    if as_json:
        for board in boards:
            context.terminal.write(json.dumps({"board": board.uid, "title": board.title, "panels": len(board.panels)}))
        return ExitCode.OK
    rows = [[clean(board.uid), str(len(board.panels)), clean(board.title)] for board in boards]
    for line in table.lines(["board", "panels", "title"], rows, context.terminal, right="panels"):
        context.terminal.write(line)
    return ExitCode.OK


def _find(context: Context, name: str) -> Board:
    boards = _boards(context)
    for board in boards:
        if name.lower() in (board.uid.lower(), board.title.lower()):
            return board
    check("board", [name], [board.uid for board in boards])
    raise AssertionError("unreachable: a board of that name would have been returned")


def _board_of(query: str) -> Board:
    """Return a board of one panel that shows the answer to `query`."""
    from devctl.queries.boards import Board, Panel, Target

    panel = Panel(query, "timeseries", "", "", "", (Target(query, ""),))
    return Board("", "", (panel,), {})


def _values(board: Board, assignments: Sequence[str]) -> dict[str, str]:
    values = dict(board.variables)
    for pair in assignments:
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
            query = boards.expression(target, values, step_seconds=step, range_seconds=window)
            answer = server.range(query, now - window, now, step)
            series += [(boards.legend(target, single.labels), single) for single in answer]
        if as_json:
            yield from (json.dumps(_json(panel.title, name, single)) for name, single in series)
        else:
            yield from ["", *rendered.panel_lines(panel, series, context.terminal, window=(now - window, now, step))]


def _json(panel: str, name: str, series: Series) -> dict[str, object]:
    points = [list(point) for point in series.points]
    return {"panel": panel, "series": name, "labels": dict(series.labels), "points": points}


COMMAND = Command(
    run,
    MetricsOptions,
    about="Boards are the JSON files of dashboards/ beside the manifest, the same that Grafana shows.",
    examples={
        "devctl metrics": "list the boards",
        "devctl metrics shop-overview --since 1h": "draw one",
        "devctl metrics --query 'sum by (job) (up)'": "ask Prometheus",
    },
    shape="Without a board: one board a line, `board`, `title`, `panels`. With one, or with `--query`: one series a "
    "line, `panel`, `series`, `labels`, `points` (pairs of Unix seconds and value).",
)
