"""The actions that copy, and the one that hands the mouse to the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devctl.text import count, typed
from devctl.tui import clipboard
from devctl.tui.cells import safe
from devctl.tui.dialogs import Chooser, Option

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp


class Copying:
    """Copies what the active view shows."""

    def __init__(self, app: DevctlApp) -> None:
        self._app = app
        self._has_mouse = True
        self.actions: dict[str, Callable[[], Any]] = {
            "copy": self._lines, "copy.json": self._json, "copy.all": self._all, "copy.menu": self._menu,
            "mouse": self._toggle_mouse,
        }  # fmt: skip

    def _lines(self) -> None:
        view = self._app.panes.active
        rows = view.lines.chosen()
        if view.lines.dragged:
            self.copy(view.lines.selected_text(), "the selection")
        elif rows:
            self.copy(view.text_of(rows), count(len(rows), "line"))

    def _json(self) -> None:
        view = self._app.panes.active
        if rows := view.lines.chosen():
            documents = [json.dumps(view.as_json(row), ensure_ascii=False, default=str) for row in rows]
            self.copy("\n".join(documents), count(len(rows), "line") + " as JSON")

    def _all(self) -> None:
        view = self._app.panes.active
        rows = [row for row in view.lines.rows if not row.is_head]
        self.copy(view.text_of(rows), count(len(rows), "line"))

    def _menu(self) -> None:
        view = self._app.panes.active
        choices = [
            *view.choices(),
            ("the devctl command that does the same", typed(f"`{view.command()}`", self._app.command).strip("`")),
        ]
        options = [Option(label, text, text[:200]) for label, text in choices if text]

        def take(text: str | None) -> None:
            if text:
                self.copy(text, safe(text, 60))

        self._app.push_screen(Chooser("Copy", options, self._app.palette), take)

    def copy(self, text: str, what: str) -> None:
        """Copy text, and say where it went."""
        if not text:
            return
        app = self._app
        folder = Path(app.stack.folder) / ".devctl" if app.stack.folder else None
        destination = clipboard.copy(text, app.environ, app.copy_to_clipboard, folder)
        app.notice(f"Copied {what} to {destination}.")

    def _toggle_mouse(self) -> None:
        driver: Any = self._app._driver
        self._has_mouse = not self._has_mouse
        switch = getattr(driver, "_enable_mouse_support" if self._has_mouse else "_disable_mouse_support", None)
        if switch:
            switch()
        mine = "The mouse is back here." if self._has_mouse else "The mouse is the terminal's; M takes it back."
        self._app.notice(mine)
