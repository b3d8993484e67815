"""Map: who calls whom, from real traffic: how often, how often wrongly, how slowly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devctl.text import duration
from devctl.tui.cells import Cell, Cells, fit, safe, width
from devctl.tui.dialogs import Chooser, Option
from devctl.tui.screens.log_rows import tint
from devctl.tui.screens.traces import bar
from devctl.tui.screens.view import View
from devctl.tui.widgets.rows import Link, Row

if TYPE_CHECKING:
    from devctl.queries.map import Edge

WINDOWS = {"1m": 60.0, "5m": 300.0, "15m": 900.0, "1h": 3600.0, "6h": 21600.0}
TICKS = 5


BAR = 10  # columns


class Map(View):
    """One row for each pair of services that talk, below its caller."""

    NAME = "map"
    TITLE = "Map"
    EMPTY = "no call between services in this time"
    ACTIONS = frozenset({"logs", "traces", "details", "why", "range", "zoom", "json", "restart", "toggle", "kill"})

    def __init__(self) -> None:
        super().__init__()
        self._window = "15m"
        self._edges: list[Edge] = []
        self._ticks = 0

    def reload(self) -> None:
        """Read the traffic again."""
        seconds = WINDOWS[self._window]
        self.load(lambda: self.devctl.stack.telemetry.edges(seconds), self._take)

    def _take(self, edges: list[Edge]) -> None:
        self._edges = edges
        self.update()

    def tick(self) -> None:
        """Read again every few seconds."""
        self._ticks += 1
        if self._ticks % TICKS == 0 and not self.is_loading:
            self.reload()

    def title(self) -> tuple[Cells, Cells]:
        return (("Map ", "title"), (f"last {self._window}", "accent")), (("→ calls  ⇢ events", "dim"),)

    def rows(self) -> Sequence[Row]:
        room = min(max((width(safe(e.callee)) for e in self._edges), default=8), 24)
        most = max((e.calls for e in self._edges), default=1)
        rows: list[Row] = []
        caller = None
        for edge in self._edges:
            if edge.caller != caller:
                caller = edge.caller
                style = f"{tint(caller)} strong"
                rows.append(Row(("caller", caller), ((safe(caller), style),), caller))
            rows.append(_row(edge, room, most))
        return rows

    def act(self, name: str) -> bool:
        if name != "range":
            return False
        options = [Option(f"the last {window}", window) for window in WINDOWS]
        self.app.push_screen(Chooser("Time range", options, self.devctl.palette, types=False), self._choose)
        return True

    def _choose(self, window: str | None) -> None:
        if window:
            self._window = window
            self.reload()

    def services(self) -> list[str]:
        return [row.data if isinstance(row.data, str) else row.data.callee for row in self.lines.chosen()]

    def opened(self, row: Row) -> None:
        self.devctl.go("traces", service=self.services()[0])

    def as_json(self, row: Row) -> Any:
        from devctl.queries.map import as_json

        return row.data if isinstance(row.data, str) else as_json(row.data)

    def command(self) -> str:
        return f"devctl map --since {self._window}"

    def enter(self, arguments: Mapping[str, Any]) -> None:
        """Show the traffic."""
        self.reload()


def _row(edge: Edge, room: int, most: int) -> Row:
    rate = f"{edge.rate:.1f}/s" if edge.rate >= 1 else f"{edge.rate * 60:.2g}/min"
    errors = f"{edge.error_share:.1%}" if edge.errors else ""
    cells: list[Cell] = [
        (f"  {'⇢' if edge.kind == 'event' else '→'} ", "accent"),
        (fit(safe(edge.callee), room) + " ", tint(edge.callee)),
        (f"{edge.calls:>7} ", ""), (f"{rate:>9} ", "dim"),
        (f"{bar(edge.calls / most, BAR):<{BAR}} ", "spark"),
        (f"{errors:>6} ", "bad"), (f"p95 {duration(edge.p95_ms / 1000)}", "dim"),
    ]  # fmt: skip
    at = len("".join(text for text, _ in cells[:5]))
    links = [Link(at, at + 6, ("traces", {"service": edge.callee, "errors": True}))] if edge.errors else []
    return Row(("edge", edge.caller, edge.callee, edge.kind), tuple(cells), edge, links=links)
