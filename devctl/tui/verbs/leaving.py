"""Leaving the terminal UI: at once, or after a question when the stack was started from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devctl.errors import DevctlError
from devctl.tui.dialogs import Chooser, Option
from devctl.tui.verbs.changing import problem

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp


class Leaving:
    """Leaves the stack as it is, unless told otherwise."""

    def __init__(self, app: DevctlApp) -> None:
        self._app = app

    def quit(self) -> None:
        """Leave; ask where the stack was started here."""
        app = self._app
        if not app.began_stack or app.model.link not in ("live", "lost"):
            app.exit()
            return
        options = (Option("Leave, and let the stack run", "leave"), Option("Stop the stack, then leave", "stop"),
                   Option("Stay", "stay"))  # fmt: skip

        def take(value: str | None) -> None:
            if value == "leave":
                app.exit()
            elif value == "stop":
                app.notice("Stopping everything in order …")
                app.in_thread(self._stop_all)

        question = f"{app.model.stack} was started here. Leave it running?"
        app.push_screen(Chooser(question, options, app.palette, types=False), take)

    def _stop_all(self) -> None:
        app = self._app
        try:
            app.stack.control.down()
        except DevctlError as error:
            app.from_thread(app.notice, problem(error, app.command), "bad")
        else:
            app.from_thread(app.exit)
