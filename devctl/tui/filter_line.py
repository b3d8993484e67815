"""The line in which a filter is typed; it acts while one types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events

from devctl.tui.widgets.text_line import TextLine

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp
    from devctl.tui.screens.view import View

TYPING_SECONDS = 0.15
"""After so long without a key the filter is applied."""


class FilterLine:
    """Belongs to the view that had the focus when it was opened."""

    def __init__(self, app: DevctlApp) -> None:
        self._app = app
        self.input = TextLine("filter", id="filter")
        self.is_open = False
        self._view: View | None = None
        self._typed = 0

    def open(self) -> None:
        """Show the line with the filter of the active view."""
        self.is_open = True
        self._view = self._app.panes.active
        self.input.value = self._view.filter
        self.input.display = True
        self._app.screen.set_focus(self.input)

    async def take_key(self, event: events.Key) -> None:
        """Take a key while a filter is typed: it is no verb."""
        if event.key in ("escape", "enter", "down", "tab"):
            self._close(keep=event.key != "escape")
        else:
            await self.input.take_key(event)

    def changed(self) -> None:
        """Apply what was typed, once it rests."""
        if self.input.display:
            self._typed += 1
            self._app.set_timer(TYPING_SECONDS, lambda number=self._typed: self._apply(number))

    def _apply(self, number: int) -> None:
        if number == self._typed:
            self._filter(self.input.value)

    def _filter(self, text: str) -> None:
        if self._view is None or text == self._view.filter:
            return
        try:
            self._view.set_filter(text)
        except ValueError as error:
            self._app.notice(str(error), "warn")

    def _close(self, *, keep: bool) -> None:
        self._typed += 1
        self.is_open = False
        self._filter(self.input.value if keep else "")
        self.input.display = False
        if self._view:
            self._app.screen.set_focus(self._view.lines)
        self._app.bars.update()
