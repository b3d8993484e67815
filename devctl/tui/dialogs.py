"""What is shown above the panes: a choice, a text to read, a question. The same keys move in them as everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from devctl.tui import keys, messages
from devctl.tui.cells import Cells, safe
from devctl.tui.theme import Palette
from devctl.tui.widgets.bar import Bar
from devctl.tui.widgets.lines import LineView
from devctl.tui.widgets.rows import Row
from devctl.tui.widgets.text_line import TextLine

R = TypeVar("R")
MOVES_WHILE_TYPING = {
    "down": "down", "up": "up", "ctrl+n": "down", "ctrl+p": "up", "pagedown": "page_down", "pageup": "page_up",
    "ctrl+d": "half_down", "ctrl+u": "half_up",
}  # fmt: skip
"""What moves in a list below a line that takes the letters."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose. `hint` stands after its label, dimmed."""

    label: str
    value: Any
    hint: str = ""


class Dialog(ModalScreen[R]):
    """A box over the panes; Esc closes it."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > Vertical { width: 88%; max-width: 110; height: auto; max-height: 86%; }
    Dialog LineView { height: 1; }
    """

    def __init__(self, title: str, palette: Palette, *, wraps: bool = False) -> None:
        super().__init__()
        self.palette = palette
        self._bar = Bar("bar")
        self._bar.palette = palette
        self._bar.show(((f" {safe(title)}", "title bar"),), (("Esc closes ", "bar"),))
        self.lines = LineView(wraps=wraps, empty="nothing matches")
        self.lines.palette = palette
        self._early: list[events.Key] | None = []
        """Keys that came before it was there; None once it is."""

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.styles.border = ("round", self.palette.accent)
            box.styles.background = "ansi_default" if self.palette.is_ansi else self.palette.background
            yield self._bar
            yield from self.parts()

    def parts(self) -> ComposeResult:
        """Return what is below the title."""
        yield self.lines

    async def on_mount(self) -> None:
        self._fit()
        self.ready()
        while self._early:
            await self._press(self._early.pop(0))
        self._early = None

    def ready(self) -> None:
        """Take the focus."""
        self.lines.focus()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Give the list as many lines as it has, within the screen."""
        self.lines.flow.width = max(min(self.app.size.width * 88 // 100, 110) - 4, 10)
        count = sum(self.lines.flow.count(n) for n in range(min(len(self.lines.rows), 200)))
        self.lines.styles.height = max(min(count, self.app.size.height * 86 // 100 - 4), 1)

    async def take_key(self, event: events.Key) -> None:
        """Take a key, as soon as the dialog is there."""
        if self._early is not None:
            self._early.append(event)
        else:
            await self._press(event)

    async def _press(self, event: events.Key) -> None:
        """Do what a key says."""
        if event.key in ("escape", "q", "ctrl+c"):
            self.dismiss(None)
        elif event.key == "enter":
            self.lines.open_current()
        elif move := keys.move(event.key, event.character):
            self.lines.move(move)


class Reader(Dialog[None]):
    """Rows to read, scroll and copy."""

    def __init__(self, title: str, rows: Sequence[Row], palette: Palette, copy: Callable[[str, str], None]) -> None:
        super().__init__(title, palette, wraps=True)
        self.lines.set_rows(rows)
        self._copy = copy

    async def _press(self, event: events.Key) -> None:
        """Do what a key says."""
        if event.key in ("y", "ctrl+y"):
            self._copy("\n".join(row.text for row in self.lines.rows), "all of it")
        else:
            await super()._press(event)

    def on_selected(self, message: messages.Selected) -> None:
        message.stop()
        self._copy(message.text, "the selection")


class Chooser(Dialog[Any]):
    """A list to choose from; typing narrows it down where `types` is on."""

    def __init__(self, title: str, options: Sequence[Option], palette: Palette, *, types: bool = True) -> None:
        super().__init__(title, palette)
        self._options = options
        self._input = TextLine("type to narrow down") if types else None
        self._narrowed = ""
        self.lines.set_rows(self._rows(""))

    def parts(self) -> ComposeResult:
        if self._input:
            yield self._input
        yield self.lines

    def ready(self) -> None:
        """Take the focus."""
        (self._input or self.lines).focus()

    def _rows(self, text: str) -> list[Row]:
        terms = text.casefold().split()
        options = [o for o in self._options if all(word in f"{o.label} {o.hint}".casefold() for word in terms)]
        options.sort(key=lambda option: not all(word in option.label.casefold() for word in terms))
        return [Row(number, _option_cells(option), option) for number, option in enumerate(options)]

    def _narrow(self, text: str) -> None:
        if text != self._narrowed:
            self._narrowed = text
            self.lines.cursor = 0
            self.lines.set_rows(self._rows(text))
            self.lines.go(0)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._narrow(event.value)  # pasted

    async def _press(self, event: events.Key) -> None:
        """Do what a key says."""
        if self._input is None or event.key in ("enter", "escape"):
            await super()._press(event)
        elif move := MOVES_WHILE_TYPING.get(event.key):
            self.lines.move(move)
        else:
            await self._input.take_key(event)
            self._narrow(self._input.value)

    def on_opened(self, message: messages.Opened) -> None:
        message.stop()
        self.dismiss(message.row.data.value)


def _option_cells(option: Option) -> Cells:
    hint: Cells = ((f"  {safe(option.hint)}", "dim"),) if option.hint else ()
    return ((safe(option.label), ""), *hint)


class Confirm(Chooser):
    """A question before something is lost. The cursor is on No; `y` and `n` answer, too."""

    def __init__(self, question: str, yes: str, palette: Palette, *, no: str = "No, leave it as it is") -> None:
        super().__init__(question, (Option(no, False), Option(yes, True)), palette, types=False)

    async def _press(self, event: events.Key) -> None:
        """Do what a key says."""
        if event.key in ("y", "n"):
            self.dismiss(event.key == "y")
        else:
            await super()._press(event)


class Ask(Dialog[str]):
    """One line of text. `check` raises ValueError with what is wrong with it."""

    def __init__(self, title: str, hint: str, palette: Palette, check: Callable[[str], Any]) -> None:
        super().__init__(title, palette)
        self._check = check
        self._input = TextLine(hint)

    def parts(self) -> ComposeResult:
        yield self._input
        yield self.lines

    def ready(self) -> None:
        """Take the focus."""
        self.lines.empty = (("Enter takes it", "dim"),)
        self._input.focus()

    async def _press(self, event: events.Key) -> None:
        """Do what a key says."""
        if event.key in ("escape", "ctrl+c"):
            self.dismiss(None)
        elif event.key == "enter":
            self._submit(self._input.value)
        else:
            await self._input.take_key(event)

    def _submit(self, text: str) -> None:
        try:
            self._check(text)
        except ValueError as error:
            self.lines.empty = ((safe(str(error)), "bad"),)
            self.lines.redraw()
        else:
            self.dismiss(text)


def help_rows(view: str) -> list[Row]:
    """Return the help: every key, by group, what is not for this view dimmed."""
    rows = [Row(("title", "moves"), (("Moving", "title"),), is_head=True)]
    rows += [Row(("move", key), ((f"  {key:<18}", "mark"), (text, ""))) for key, text in keys.MOVE_HELP]
    titles = {"views": "Views", "rows": "Rows", "verbs": "Services, lines and traces", "copy": "Copying",
              "search": "Filtering and searching", "lines": "Lines and charts", "panes": "Panes",
              "anywhere": "Everywhere"}  # fmt: skip
    for group, title in titles.items():
        rows.append(Row(("gap", group), (), is_head=True))
        rows.append(Row(("title", group), ((title, "title"),), is_head=True))
        for action in keys.ACTIONS:
            if action.group == group:
                shown = " ".join(keys.shown(key) for key in action.keys)
                style = "" if keys.is_here(action, view) else "dim"
                rows.append(Row(("key", action.name), ((f"  {shown:<18}", "mark"), (action.label, style))))
    return rows
