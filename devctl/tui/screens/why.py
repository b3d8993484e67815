"""Why: for each service that is not healthy the chain of causes down to the root, with evidence and the next step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devctl.text import typed
from devctl.tui.cells import Cells, safe
from devctl.tui.model import cause_text
from devctl.tui.screens.view import Choice, View
from devctl.tui.theme import SHAPES, STATUS_STYLES
from devctl.tui.widgets.lines import LineView
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.diagnosis.views import CauseView, WhyView
    from devctl.tui.model import Model

SHOWN_LINES = 8


class Why(View):
    """The pane of `w`."""

    NAME = "why"
    TITLE = "Why"
    EMPTY = "everything is healthy"
    ACTIONS = frozenset({"logs", "traces", "details", "restart", "toggle", "kill", "zoom", "why"})

    def __init__(self) -> None:
        super().__init__()
        self.lines = LineView(wraps=True, empty=self.EMPTY)
        self._service = ""

    def update(self) -> None:
        """Show what is wrong, else how things are."""
        self.lines.empty = ((how_it_is(self.devctl.model), "dim"),)
        super().update()

    def enter(self, arguments: Mapping[str, Any]) -> None:
        """Show why `service` is not healthy first."""
        self._service = str(arguments.get("service", ""))
        self.update()

    def reload(self) -> None:
        """Ask again."""
        self.devctl.attached.pulse.hurry()

    def rows(self) -> Sequence[Row]:
        whys = sorted(self.devctl.model.whys, key=lambda why: why["service"] != self._service)
        return [row for why in whys if why["chain"] for row in rows_of(why, self.devctl.command)]

    def services(self) -> list[str]:
        return list(dict.fromkeys(row.data[0] for row in self.lines.chosen() if row.data))

    def opened(self, row: Row) -> None:
        if row.data:
            self.devctl.go("logs", services=(row.data[1],))

    def as_json(self, row: Row) -> Any:
        return [why for why in self.devctl.model.whys if row.data and why["service"] == row.data[0]]

    def choices(self) -> list[Choice]:
        sentence, step = self.devctl.model.first_cause()
        return [("the sentence", sentence), ("the next step", typed(step, self.devctl.command))]

    def command(self) -> str:
        return " ".join(["devctl why", *self.services()])


def how_it_is(model: Model) -> str:
    """Return what is said where nothing has to be explained."""
    if model.link == "gone" or not model.services:
        return "nothing runs here: `devctl up` starts it"
    return Why.EMPTY if model.status == "healthy" else "nothing is wrong so far"


def rows_of(why: WhyView, command: str) -> Iterator[Row]:
    """Yield the rows of one explanation."""
    service, status = why["service"], why["status"]
    style = STATUS_STYLES.get(status, "bad")
    head = ((f"{SHAPES.get(status, '?')} ", style), (safe(service), "strong"), (f" is {status}", style))
    yield Row(("why", service), head, (service, service))
    for depth, cause in enumerate(why["chain"]):
        yield from _cause_rows(service, cause, depth, command, is_root=depth == len(why["chain"]) - 1)
    yield Row(("gap", service), (), is_head=True)


def _cause_rows(service: str, cause: CauseView, depth: int, command: str, *, is_root: bool) -> Iterator[Row]:
    key = (service, cause["service"], depth)
    data = (service, cause["service"])
    indent = "  " * (depth + 1)

    def row(name: str, cells: Cells) -> Row:
        return Row((name, *key), ((indent, ""), *cells), data, indent=len(indent) + 2)

    yield row("says", (("└ " if depth else "", "dim"), (safe(cause_text(cause)), "bad" if is_root else "")))
    if cause["answer"]:
        yield row("answer", (("its check saw: ", "dim"), (safe(cause["answer"]), "")))
    if cause["exit_code"] is not None:
        yield row("exit", ((f"exit code {cause['exit_code']}", "dim"),))
    for number, line in enumerate(cause["lines"][-SHOWN_LINES:]):
        yield Row(("line", *key, number), ((f"{indent}│ ", "edge"), (safe(line), "dim")), data, indent=len(indent) + 2)
    if cause["next"]:
        yield row("next", (("→ ", "accent"), (safe(typed(cause["next"], command)), "accent")))
