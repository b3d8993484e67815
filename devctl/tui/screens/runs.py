"""Runs: what is kept of past runs; each opens with the same screens, read only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from devctl.text import duration, size
from devctl.tui.cells import Cell, Cells, safe
from devctl.tui.screens.view import Choice, View
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.tui.stack import RunInfo


class Runs(View):
    """The runs, newest first."""

    NAME = "runs"
    TITLE = "Runs"
    EMPTY = "no run is recorded here"
    ACTIONS = frozenset({"zoom", "why"})

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[RunInfo] = []

    def reload(self) -> None:
        """Read which runs there are."""
        self.load(self.devctl.stack.runs, self._take)

    def _take(self, runs: list[RunInfo]) -> None:
        self._runs = runs
        self.update()

    def rows(self) -> Sequence[Row]:
        now = self.devctl.stack.now_ns() / 1e9
        return [Row(("run", run.id), _cells(run, now), run) for run in self._runs]

    def title(self) -> tuple[Cells, Cells]:
        return (("Runs", "title"),), (("Enter opens one, read only", "dim"),)

    def opened(self, row: Row) -> None:
        stack = self.devctl.stack
        if row.data.id == stack.run_id:
            self.devctl.notice("This run is what is shown.")
        else:
            self.devctl.attached.open(stack.open_run(row.data.id))

    def as_json(self, row: Row) -> Any:
        return {"run": row.data.id, "bytes": row.data.bytes}

    def choices(self) -> list[Choice]:
        return [("run id", self.lines.current.data.id)] if self.lines.current else []

    def command(self) -> str:
        return "devctl runs"


def _cells(run: RunInfo, now: float) -> Cells:
    sign: Cell = ("● ", "good") if run.is_current else ("○ ", "dim")
    shown: Cell = ("  shown now", "good") if run.is_current else ("", "")
    return (sign, (f"{safe(run.id)}  ", "strong"), (f"{duration(max(now - run.started, 0)):>12} ago", "dim"),
            (f"{size(run.bytes):>10}", "dim"), shown)  # fmt: skip
