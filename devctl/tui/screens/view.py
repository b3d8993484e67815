"""What all views have in common: a title, the list, a filter, copying, and loading data in a thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical

from devctl.errors import DevctlError
from devctl.tui.cells import Cell, Cells, safe
from devctl.tui.widgets.bar import Bar
from devctl.tui.widgets.lines import LineView
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp

T = TypeVar("T")
Choice = tuple[str, str]
"""A name in a menu and the text that it copies."""
SERVICE_ACTIONS = frozenset({"logs", "traces", "details", "why", "restart", "restart.dependents", "toggle", "kill",
                             "scale", "fault", "exec", "browse"})  # fmt: skip
ROW_ACTIONS = frozenset({"open", "copy", "copy.json", "copy.all", "copy.menu", "filter", "next", "previous", "back"})


class Loader:
    """Asks for the data of one view, in threads."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._number = 0

    def load(self, ask: Callable[[], T], then: Callable[[T], None]) -> None:
        """Ask, and hand the answer to `then` in the app's thread, unless something else was asked for meanwhile."""
        self._number += 1
        number, app = self._number, self._view.devctl
        self._view.is_loading = True

        def work() -> None:
            try:
                answer = ask()
            except DevctlError as error:
                app.from_thread(self._fail, number, error)
            else:
                app.from_thread(self._answer, number, then, answer)

        app.in_thread(work)

    def _answer(self, number: int, then: Callable[[T], None], answer: T) -> None:
        if self._ends(number):
            self._view.lines.empty = ((self._view.EMPTY, "dim"),)
            then(answer)

    def _fail(self, number: int, error: DevctlError) -> None:
        if self._ends(number):
            self._view.lines.empty = ((safe(f"{error.what}. {error.next}", 500), "warn"),)
            self._view.lines.redraw()
            self._view.update_title()

    def _ends(self, number: int) -> bool:
        """End the newest question; False for one that is overtaken, or whose view is gone."""
        if number != self._number or not self._view.is_ready:
            return False
        self._view.is_loading = False
        return True


class View(Vertical):
    """One pane. A subclass says which rows there are and what a row stands for."""

    NAME: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""
    ACTIONS: ClassVar[frozenset[str]] = frozenset()
    EMPTY: ClassVar[str] = "nothing here"
    DEFAULT_CSS = "View { width: 1fr; height: 1fr; }"
    devctl: DevctlApp
    """The app, as what it is; set when the view is made."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = Bar("bar")
        self.lines = LineView(empty=self.EMPTY)
        self.filter = ""
        self.is_loading = False
        self.is_ready = False
        self.pending: Mapping[str, Any] = {}
        """What to show once it is mounted."""
        self._loader = Loader(self)

    def compose(self) -> ComposeResult:
        self.bar.palette = self.lines.palette = self.devctl.palette
        yield self.bar
        yield self.lines

    def on_mount(self) -> None:
        self.is_ready = True
        self.ready()
        if self.devctl.panes.focus_goal == self.NAME:
            self.call_after_refresh(self.lines.focus)

    def ready(self) -> None:
        """Begin. (Textual calls `on_mount` of every class, so there is one.)"""
        self.enter(self.pending)

    # What a subclass says

    def enter(self, arguments: Mapping[str, Any]) -> None:
        """Show what the arguments ask for; without any, what was shown before."""
        self.reload()

    def reload(self) -> None:
        """Read the data again."""
        self.update()

    def rows(self) -> Sequence[Row]:
        """Return the rows before filtering."""
        return ()

    def title(self) -> tuple[Cells, Cells]:
        """Return what stands in the title, on the left and on the right."""
        return ((self.TITLE, "title"),), ()

    def services(self) -> list[str]:
        """Return the services that verbs act on: of the marked rows, else of the one under the cursor."""
        return []

    def act(self, name: str) -> bool:
        """Do what is special to this view; False for what it does not know."""
        return False

    def opened(self, row: Row) -> None:
        """Open a row."""

    def follow_link(self, target: Any) -> None:
        """Open what stands behind a part of a row."""
        view, arguments = target
        self.devctl.go(view, **arguments)

    def as_json(self, row: Row) -> Any:
        """Return what a row stands for as plain data."""
        return row.text

    def choices(self) -> list[Choice]:
        """Return what the copy menu offers for the row under the cursor."""
        return []

    def command(self) -> str:
        """Return the devctl command that shows the same."""
        return "devctl status"

    def entity(self) -> str:
        """Return the id of the entity that the row under the cursor tells of, empty for none."""
        return ""

    def tick(self) -> None:
        """A second went by while this was in sight."""

    def step_back(self) -> bool:
        """Take back one level of this view; False when there is none."""
        return False

    # What all do

    def valid(self) -> frozenset[str]:
        """Return the actions that make sense now."""
        return (self.ACTIONS | ROW_ACTIONS) if self.lines.rows else self.ACTIONS | {"filter", "back"}

    def update(self) -> None:
        """Show the rows as they are now."""
        if not self.is_ready:
            return
        keep = matcher(self.filter)
        self.lines.pattern = highlight(self.filter)
        self.lines.set_rows([row for row in self.rows() if keep is None or keep(row.text)])
        self.update_title()
        self.devctl.bars.update()  # which keys there are depends on the row under the cursor

    def update_title(self) -> None:
        """Show the title with the filter and the marks."""
        left, right = self.title()
        more: list[Cell] = []
        if self.filter:
            more.append((f"  /{safe(self.filter, 60)}", "mark"))
        if self.lines.marks:
            more.append((f"  ▪{len(self.lines.marks)} marked", "mark"))
        if self.is_loading:
            more.append(("  reading …", "busy"))
        focus: Cell = ("▌", "focus") if self.lines.has_focus else (" ", "")
        self.bar.show((focus, *left, *more), (*right, (" ", "")))

    def set_filter(self, text: str) -> None:
        """Show only what matches; ValueError says why a filter is none."""
        matcher(text)
        self.filter = text
        self.update()

    def back(self) -> bool:
        """Take back selection, marks, or filter, one at a time; False when there was none of them."""
        if self.lines.dragged or self.lines.link >= 0:
            self.lines.dragged, self.lines.link = None, -1
            self.lines.redraw()
        elif self.lines.marks:
            self.lines.marks.clear()
            self.lines.redraw()
        elif self.filter:
            self.set_filter("")
        else:
            return self.step_back()
        self.update_title()
        return True

    def load(self, ask: Callable[[], T], then: Callable[[T], None]) -> None:
        """Ask in a thread and hand the answer over here; only the newest question counts."""
        self._loader.load(ask, then)

    def text_of(self, rows: Sequence[Row]) -> str:
        """Return rows as text to copy."""
        return "\n".join(row.text.rstrip() for row in rows)


def matcher(text: str) -> Callable[[str], bool] | None:
    """Return what tells whether a line matches a filter: `re:` begins a regular expression, else any case counts.

    ValueError when the expression is none.
    """
    if not text:
        return None
    if text.startswith("re:"):
        try:
            pattern = re.compile(text[3:])
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return lambda line: pattern.search(line) is not None
    terms = text.casefold().split()
    return lambda line: all(word in line.casefold() for word in terms)


def highlight(text: str) -> re.Pattern[str] | None:
    """Return what of the lines that match a filter is drawn as a match."""
    if text.startswith("re:"):
        return re.compile(text[3:])
    terms = [word for word in text.split() if ":" not in word and "=" not in word]
    return re.compile("|".join(map(re.escape, terms)), re.IGNORECASE) if terms else None
