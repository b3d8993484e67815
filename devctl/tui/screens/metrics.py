"""Metrics: the boards of dashboards/ as charts of block characters, with range, variables and refresh."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devctl.render.boards import in_time, sparkline, value
from devctl.tui.cells import Cell, Cells, fit, safe, width
from devctl.tui.dialogs import Ask, Chooser, Option
from devctl.tui.screens.map import WINDOWS
from devctl.tui.screens.traces import bar
from devctl.tui.screens.view import View
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.queries.boards import Board, Panel
    from devctl.queries.prometheus import Series

POINTS = 120
TICKS = 10
MOST_SERIES = 12
LONGEST_NAME = 32
_ONE_VALUE = frozenset({"stat", "gauge", "bargauge", "table", "piechart", "barchart"})
Panels = list[tuple["Panel", list[tuple[str, "Series"]]]]
Window = tuple[float, float, float]


class MetricsView(View):
    """One board at a time."""

    NAME = "metrics"
    TITLE = "Metrics"
    EMPTY = "no boards here: they are the JSON files of dashboards/ beside the manifest"
    ACTIONS = frozenset({"range", "choose", "zoom", "why"})

    def __init__(self) -> None:
        super().__init__()
        self._boards: list[Board] = []
        self._board: Board | None = None
        self._variables: dict[str, str] = {}
        self._window = "15m"
        self._panels: Panels = []
        self._span: Window = (0.0, 1.0, 1.0)
        self._ticks = 0

    def enter(self, arguments: Mapping[str, Any]) -> None:
        """Show the board that was shown last, else the first one."""
        if arguments.get("board"):
            self._board = next((board for board in self._boards if board.uid == arguments["board"]), self._board)
        self.reload()

    def reload(self) -> None:
        """Read the boards, and ask for what the chosen one shows."""
        board, variables = self._board, dict(self._variables)
        metrics = self.devctl.stack.metrics
        end = self.devctl.stack.now_ns() / 1e9
        seconds = WINDOWS[self._window]
        span: Window = (end - seconds, end, max(seconds / POINTS, 1.0))

        def ask() -> tuple[list[Board], Board | None, Panels]:
            boards = metrics.boards()
            chosen = board or next(iter(boards), None)
            values = {**chosen.variables, **variables} if chosen else {}
            panels = [(panel, metrics.series(chosen, panel, values, span)) for panel in chosen.panels] if chosen else []
            return boards, chosen, panels

        self.load(ask, lambda answer: self._take(span, *answer))

    def _take(self, span: Window, boards: list[Board], board: Board | None, panels: Panels) -> None:
        self._span, self._boards, self._board, self._panels = span, boards, board, panels
        self.update()

    def tick(self) -> None:
        """Read again every ten seconds."""
        self._ticks += 1
        if self._ticks % TICKS == 0 and not self.is_loading and self._board:
            self.reload()

    def on_resize(self) -> None:
        self.update()

    def title(self) -> tuple[Cells, Cells]:
        name = safe(self._board.title) if self._board else ""
        chosen = " ".join(f"{key}={text}" for key, text in self._variables.items())
        return (("Metrics ", "title"), (name, "accent"), (f"  last {self._window}  {safe(chosen)}", "dim")), ()

    def rows(self) -> Sequence[Row]:
        room = max(self.size.width - 3, 40)
        return [row for number, (panel, series) in enumerate(self._panels)
                for row in panel_rows(number, panel, series, self._span, room)]  # fmt: skip

    def act(self, name: str) -> bool:
        if name == "range":
            options = [Option(f"the last {window}", window) for window in WINDOWS]
            self.app.push_screen(Chooser("Time range", options, self.devctl.palette, types=False), self._take_range)
        elif name == "choose":
            options = [Option(board.title, ("board", board.uid), board.uid) for board in self._boards]
            for key, text in (self._board.variables if self._board else {}).items():
                options.append(Option(f"variable {key}", ("variable", key), self._variables.get(key, text)))
            self.app.push_screen(Chooser("Boards", options, self.devctl.palette), self._take_choice)
        else:
            return False
        return True

    def _take_range(self, window: str | None) -> None:
        if window:
            self._window = window
            self.reload()

    def _take_choice(self, choice: tuple[str, str] | None) -> None:
        if choice is None:
            return
        kind, name = choice
        if kind == "board":
            self._variables.clear()
            self.devctl.go("metrics", board=name)
        else:
            hint = "a value, or a regular expression such as order|cart"
            self.app.push_screen(Ask(f"Value of {name}", hint, self.devctl.palette, lambda _: None),
                                 lambda text: self._set_variable(name, text))  # fmt: skip

    def _set_variable(self, name: str, text: str | None) -> None:
        if text is not None:
            self._variables[name] = text or ".*"
            self.reload()

    def as_json(self, row: Row) -> Any:
        if row.data is None:
            return row.text.strip()
        name, series = row.data
        return {"series": name, "labels": dict(series.labels), "points": [list(point) for point in series.points]}

    def command(self) -> str:
        return f"devctl metrics {self._board.uid} --since {self._window}" if self._board else "devctl metrics"


def panel_rows(
    number: int, panel: Panel, series: Sequence[tuple[str, Series]], span: Window, room: int
) -> Iterator[Row]:
    """Yield a title and a line for each series: its name, its last value, its course, its range."""
    yield Row(("panel", number), ((safe(panel.title), "title"),), is_head=True)
    shown = [(name, each) for name, each in series if any(not math.isnan(number) for _, number in each.points)]
    if not shown:
        yield Row(("none", number), (("  no data", "dim"),))
    names = min(max((width(safe(name)) for name, _ in shown[:MOST_SERIES]), default=0), LONGEST_NAME)
    highest = max((each.last for _, each in shown if not math.isnan(each.last)), default=0.0)
    for name, each in shown[:MOST_SERIES]:
        cells = ((f"  {fit(safe(name), names)} ", "dim"), *_course(panel, each, highest, span, room - names - 4))
        yield Row(("series", number, name, each.last), cells, (name, each))
    if len(shown) > MOST_SERIES:
        yield Row(("more", number), ((f"  … and {len(shown) - MOST_SERIES} more series", "dim"),))
    yield Row(("gap", number), (), is_head=True)


def _course(panel: Panel, series: Series, highest: float, span: Window, room: int) -> Cells:
    last: Cell = (f"{value(series.last, panel.unit):>11}  ", "strong")
    if panel.kind in _ONE_VALUE:
        whole = 1.0 if panel.unit == "percentunit" else 100.0 if panel.unit == "percent" else highest
        if panel.kind == "stat" or whole <= 0 or math.isnan(series.last) or series.last <= 0:
            return (last,)
        return last, (bar(series.last / whole, max(min(room - 14, 30), 4)), "spark")
    values = in_time(series, *span)
    finite = [number for number in values if not math.isnan(number)]
    if not finite:
        return (last,)
    ends = f"  {value(min(finite), panel.unit)} … {value(max(finite), panel.unit)}"
    drawn = sparkline(values, max(min(room - 13 - len(ends), POINTS), 8))
    return last, (drawn, "spark"), (ends, "dim")
