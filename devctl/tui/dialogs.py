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

R = TypeVar("R")


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
    Dialog Input { height: 1; border: none; padding: 0 1; background: $surface; color: $foreground; }
    Dialog Input:focus { border: none; }
    """

    def __init__(self, title: str, palette: Palette, *, wraps: bool = False) -> None:
        super().__init__()
        self.palette = palette
        self._bar = Bar("bar")
        self._bar.palette = palette
        self._bar.show(((f" {safe(title)}", "title bar"),), (("Esc closes ", "bar"),))
        self.lines = LineView(wraps=wraps, empty="nothing matches")
        self.lines.palette = palette

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.styles.border = ("round", self.palette.accent)
            box.styles.background = "ansi_default" if self.palette.is_ansi else self.palette.background
            yield self._bar
            yield from self.parts()

    def parts(self) -> ComposeResult:
        """Return what is below the title."""
        yield self.lines

    def on_mount(self) -> None:
        self._fit()
        self.ready()

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

    def on_key(self, event: events.Key) -> None:
        self.take_key(event)

    def take_key(self, event: events.Key) -> None:
        """Do what a key says. (Textual calls `on_key` of every class, so there is one.)"""
        if event.key == "escape" or (event.key in ("q", "ctrl+c") and not isinstance(self.focused, Input)):
            event.stop()
            self.dismiss(None)
        elif event.key in ("tab", "shift+tab"):
            event.stop()
            event.prevent_default()
        elif event.key == "enter" and self.focused is self.lines:
            event.stop()
            self.lines.open_current()
        elif self.focused is self.lines and (move := keys.move(event.key, event.character)):
            event.stop()
            event.prevent_default()
            self.lines.move(move)


class Reader(Dialog[None]):
    """Rows to read, scroll and copy."""

    def __init__(self, title: str, rows: Sequence[Row], palette: Palette, copy: Callable[[str, str], None]) -> None:
        super().__init__(title, palette, wraps=True)
        self.lines.set_rows(rows)
        self._copy = copy

    def take_key(self, event: events.Key) -> None:
        """Do what a key says."""
        if event.key in ("y", "ctrl+y"):
            event.stop()
            self._copy("\n".join(row.text for row in self.lines.rows), "all of it")
        else:
            super().take_key(event)

    def on_selected(self, message: messages.Selected) -> None:
        message.stop()
        self._copy(message.text, "the selection")


class Chooser(Dialog[Any]):
    """A list to choose from; typing narrows it down where `types` is on."""

    def __init__(self, title: str, options: Sequence[Option], palette: Palette, *, types: bool = True) -> None:
        super().__init__(title, palette)
        self._options = options
        self._input = Input(placeholder="type to narrow down", select_on_focus=False) if types else None
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

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.lines.cursor = 0
        self.lines.set_rows(self._rows(event.value))
        self.lines.go(0)

    def take_key(self, event: events.Key) -> None:
        """Do what a key says."""
        if self._input and self.focused is self._input:
            move = {"down": "down", "up": "up", "ctrl+n": "down", "ctrl+p": "up", "pagedown": "page_down",
                    "pageup": "page_up", "ctrl+d": "half_down", "ctrl+u": "half_up"}.get(event.key)  # fmt: skip
            if move:
                event.stop()
                event.prevent_default()
                self.lines.move(move)
                return
            if event.key == "enter":
                event.stop()
                self.lines.open_current()
                return
        super().take_key(event)

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

    def take_key(self, event: events.Key) -> None:
        """Do what a key says."""
        if event.key in ("y", "n"):
            event.stop()
            self.dismiss(event.key == "y")
        else:
            super().take_key(event)


class Ask(Dialog[str]):
    """One line of text. `check` raises ValueError with what is wrong with it."""

    def __init__(self, title: str, hint: str, palette: Palette, check: Callable[[str], Any]) -> None:
        super().__init__(title, palette)
        self._check = check
        self._input = Input(placeholder=hint, select_on_focus=False)

    def parts(self) -> ComposeResult:
        yield self._input
        yield self.lines

    def ready(self) -> None:
        """Take the focus."""
        self.lines.empty = (("Enter takes it", "dim"),)
        self._input.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            self._check(event.value)
        except ValueError as error:
            self.lines.empty = ((safe(str(error)), "bad"),)
            self.lines.redraw()
            return
        self.dismiss(event.value)


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
