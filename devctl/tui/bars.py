"""The lines around the panes: the stack above, what is wrong (or a notice) and the keys below."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from devctl.tui import arrange, keys, summary
from devctl.tui.cells import safe
from devctl.tui.widgets.bar import Bar

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp

NOTICE_SECONDS, ALARM_SECONDS = 5.0, 12.0
_EVERYWHERE = frozenset({"help", "quit", "palette", "theme", "refresh", "zoom", "pane.next"})


class Bars:
    """Three lines, drawn when what they show has changed."""

    def __init__(self, app: DevctlApp) -> None:
        self._app = app
        self.header, self.why = Bar("bar"), Bar("")
        self.keys = Bar("bar", on_press=self._press)
        self._spans: list[tuple[int, int, str]] = []
        self._notice: tuple[str, str, float] | None = None

    def update(self) -> None:
        """Show things as they are now."""
        app = self._app
        if arrange.is_too_small(app.size.width, app.size.height):
            self.header.show((("too small: 60×15 at least", "warn"),))
        else:
            self.header.show(*summary.header(app.model, app.panes.view_name, app.size.width))
        self._show_why()
        cells, self._spans = summary.footer(self._valid(), app.size.width)
        self.keys.show(cells)

    def _show_why(self) -> None:
        if self._notice:
            text, style, _ = self._notice
            self.why.show(((f" {text}", style),), ground="notice")
            self.why.display = True
            return
        cells = summary.what_is_wrong(self._app.model, self._app.size.width, self._app.command)
        self.why.show(cells, ground="")
        self.why.display = bool(cells)

    def notice(self, text: str, style: str = "") -> None:
        """Say something in the line above the keys, for a while."""
        seconds = ALARM_SECONDS if style in ("bad", "warn") else NOTICE_SECONDS
        self._notice = (safe(text, 2000), style, time.monotonic() + seconds)
        self.update()

    def end_notice(self, *, only_old: bool = False) -> bool:
        """Take the notice away; False when there was none, or, with `only_old`, none that had stood long enough."""
        if not self._notice or (only_old and time.monotonic() <= self._notice[2]):
            return False
        self._notice = None
        self.update()
        return True

    def _valid(self) -> set[str]:
        """Return the actions that make sense now."""
        names = self._app.panes.active.valid() | _EVERYWHERE
        return {name for name in names if keys.is_here(keys.BY_NAME[name], self._app.panes.view_name)}

    def _press(self, x: int) -> None:
        for start, end, name in self._spans:
            if start <= x < end:
                self._app.verbs.perform(name)
