"""Finds what an action does, and does it where it makes sense now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from devctl.tui.verbs.changing import Changing
from devctl.tui.verbs.copying import Copying
from devctl.tui.verbs.leaving import Leaving
from devctl.tui.verbs.looking import Looking
from devctl.tui.verbs.wire import Wire

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp


class Verbs:
    """The actions of one app."""

    def __init__(self, app: DevctlApp) -> None:
        self._app = app
        self.copying = Copying(app)
        self.changing = Changing(app)
        self.wire = Wire(app, self.changing)
        self.looking = Looking(app, self)
        self._general: dict[str, Callable[[], Any]] = {
            **self.looking.actions, **self.copying.actions, "quit": Leaving(app).quit,
        }  # fmt: skip
        self.on_services: dict[str, Callable[[list[str]], Any]] = {**self.changing.actions, **self.wire.actions}

    def perform(self, name: str) -> None:
        """Do an action, where it makes sense now."""
        app = self._app
        if name.startswith("view."):
            app.go(name.removeprefix("view."))
        elif not name.startswith("copy") and app.panes.active.act(name):
            pass
        elif name in self._general:
            self._general[name]()
        elif name in self.on_services:
            if services := self._services():
                self.on_services[name](services)
            else:
                app.notice("No service here: put the cursor on one.")
        app.bars.update()

    def _services(self) -> list[str]:
        services = self._app.model.services
        return [name for name in self._app.panes.active.services() if name in services]
