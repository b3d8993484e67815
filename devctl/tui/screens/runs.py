"""Runs: what is kept of past runs, and bundles; each opens with the same screens, read only."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
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
        return [Row(("run", run.id, run.bundle), _cells(run, now), run) for run in self._runs]

    def title(self) -> tuple[Cells, Cells]:
        return (("Runs", "title"),), (("Enter opens one, read only", "dim"),)

    def opened(self, row: Row) -> None:
        run, stack = row.data, self.devctl.stack
        if run.is_current or (run.id == stack.run_id and not run.bundle):
            self.devctl.notice("This run is what is shown.")
        else:
            self.load(lambda: stack.open_run(run), self.devctl.attached.open)
            self.update_title()

    def as_json(self, row: Row) -> Any:
        return {"run": row.data.id, "bytes": row.data.bytes, "bundle": row.data.bundle}

    def choices(self) -> list[Choice]:
        if not self.lines.current:
            return []
        run = self.lines.current.data
        return [("run id", run.id), *([("bundle", run.bundle)] if run.bundle else [])]

    def command(self) -> str:
        run = self.lines.current.data if self.lines.current else None
        return f"devctl bundle open {shlex.quote(run.bundle)}" if run and run.bundle else "devctl runs"


def _cells(run: RunInfo, now: float) -> Cells:
    sign: Cell = ("● ", "good") if run.is_current else ("○ ", "dim")
    shown: Cell = ("  shown now", "good") if run.is_current else ("", "")
    if run.bundle:
        sign, shown = ("◇ ", "accent"), (f"  bundle {safe(Path(run.bundle).name, 60)}", "accent")
    return (sign, (f"{safe(run.id)}  ", "strong"), (f"{duration(max(now - run.started, 0)):>12} ago", "dim"),
            (f"{size(run.bytes):>10}", "dim"), shown)  # fmt: skip
