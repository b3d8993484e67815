"""The application: puts its parts together, and says where a key and a message of a widget go.

What a verb does stands in `verbs`, what a view shows in `screens`, which panes there are in `panes`, the lines around
them in `bars`, and what is known of the stack in `attached`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Input

from devctl.text import devctl_command
from devctl.tui import cells, hangup, keys, messages
from devctl.tui.attached import Attached
from devctl.tui.bars import Bars
from devctl.tui.dialogs import Dialog
from devctl.tui.filter_line import FilterLine
from devctl.tui.memory import Memory
from devctl.tui.model import Model
from devctl.tui.panes import Panes
from devctl.tui.theme import DARK, PALETTES, Palette
from devctl.tui.verbs.perform import Verbs
from devctl.tui.widgets.bar import Bar

if TYPE_CHECKING:
    from devctl.tui.screens.view import View
    from devctl.tui.stack import Stack

TICK_SECONDS = 1.0


class DevctlApp(App[None], inherit_bindings=False):
    """One stack on the screen."""

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    CSS = """
    Screen { layout: vertical; }
    #deck { height: 1fr; }
    #filter { display: none; }
    """

    def __init__(
        self, stack: Stack, memory: Memory | None = None, environ: Mapping[str, str] = os.environ, command: str = ""
    ) -> None:
        self.memory = memory or Memory(None)
        self.environ = environ
        self.command = command or devctl_command(environ)
        self.palette = self._first_palette()
        super().__init__(ansi_color=self.palette.is_ansi)
        self.is_calm = bool(environ.get("DEVCTL_REDUCED_MOTION"))
        self.began_stack = False
        self.crash: Exception | None = None
        self.hung_up = False
        self.clock = cells.time_of_day
        self.panes, self.bars, self.filter_line = Panes(self), Bars(self), FilterLine(self)
        self.attached = Attached(self, stack)
        self.verbs = Verbs(self)

    def _first_palette(self) -> Palette:
        if self.environ.get("NO_COLOR"):
            return PALETTES["mono"]
        return PALETTES.get(self.environ.get("DEVCTL_THEME") or str(self.memory.get("theme", "")), DARK)

    @property
    def stack(self) -> Stack:
        return self.attached.stack

    @property
    def model(self) -> Model:
        return self.attached.model

    @property
    def has_screen(self) -> bool:
        return bool(self._screen_stack)

    def compose(self) -> ComposeResult:
        yield self.bars.header
        yield self.panes.deck
        yield self.filter_line.input
        yield self.bars.why
        yield self.bars.keys

    def on_mount(self) -> None:
        for palette in PALETTES.values():
            self.register_theme(palette.theme())
        self.set_palette(self.palette.name)
        self.go(str(self.memory.get("view", "overview")))
        self.attached.pulse.start()
        self.set_interval(TICK_SECONDS, self._tick)
        hangup.listen(self)

    def on_unmount(self) -> None:
        self.attached.pulse.stop()

    def _handle_exception(self, error: Exception) -> None:
        """End with the error kept for the report: no traceback on the screen."""
        self.crash = self.crash or error
        if self.is_headless:
            super()._handle_exception(error)  # a test sees it raised
        else:
            self._return_code = 1
            self._close_messages_no_wait()

    # Threads

    def from_thread(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function here, soon, from any thread."""
        if self.is_running:
            self.call_later(function, *arguments)

    def in_thread(self, function: Callable[[], None]) -> None:
        """Call a function in a thread of its own."""

        def fail(error: Exception) -> None:
            raise error

        def guarded() -> None:
            try:
                function()
            except Exception as error:  # a bug of ours ends the app with a report, not a thread without a word
                self.from_thread(fail, error)

        threading.Thread(target=guarded, daemon=True).start()

    # For views and verbs

    def go(self, name: str, **arguments: Any) -> None:
        """Go to a view, and let it show what the arguments ask for."""
        self.panes.go(name, **arguments)

    def notice(self, text: str, style: str = "") -> None:
        """Say something in the line above the keys, for a while."""
        self.bars.notice(text, style)

    def set_palette(self, name: str) -> None:
        """Take another theme."""
        self.palette = PALETTES[name]
        self.ansi_color = self.palette.is_ansi
        self.theme = self.palette.theme().name
        for bar in self.screen.query(Bar):
            bar.palette = self.palette
            bar.refresh()
        for view in self.panes.views.values():
            view.lines.palette = view.bar.palette = self.palette
            view.lines.redraw()
            view.bar.refresh()

    # What comes

    def _tick(self) -> None:
        self.bars.end_notice(only_old=True)
        for view in self.panes.shown():
            view.tick()

    def on_resize(self, event: events.Resize) -> None:
        if self.panes.views:
            self.call_later(self.panes.show)  # Textual takes the new size after it has called this

    async def on_event(self, event: events.Event) -> None:
        """Take keys here, in the order they were pressed; through the queues of widgets they overtake each other."""
        if isinstance(event, events.Key):
            if self.has_screen:
                await self._take_key(event)
        else:
            await super().on_event(event)

    async def _take_key(self, event: events.Key) -> None:
        if isinstance(self.screen, Dialog):
            await self.screen.take_key(event)
        elif self.filter_line.is_open:
            await self.filter_line.take_key(event)
        elif move := keys.move(event.key, event.character):
            self.panes.active.lines.move(move)
        elif action := keys.find(event.key, event.character):
            self.verbs.perform(action.name)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input is self.filter_line.input:
            self.filter_line.changed()

    def on_opened(self, message: messages.Opened) -> None:
        if view := self._view_of(message):
            view.opened(message.row)

    def on_link_opened(self, message: messages.LinkOpened) -> None:
        if view := self._view_of(message):
            view.follow_link(message.target)

    def _view_of(self, message: messages.Opened | messages.LinkOpened) -> View | None:
        """Return the view whose list sent a message; None for the list of a dialog, or of a view that is gone."""
        return next((view for view in self.panes.views.values() if view.lines is message.listing), None)

    def on_cursor_moved(self, message: messages.CursorMoved) -> None:
        details = self.panes.in_sight("details")
        if details and self.panes.active is not details:
            details.update()
        self.bars.update()

    def on_selected(self, message: messages.Selected) -> None:
        if message.text:
            self.verbs.copying.copy(message.text, "the selection")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for view in self.panes.shown():
            view.update_title()
        self.bars.update()
