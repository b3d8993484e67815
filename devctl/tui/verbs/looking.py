"""The actions that look around: help, palette, panes, search, and going from one thing to what hangs on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from devctl.tui import keys
from devctl.tui.cells import safe
from devctl.tui.dialogs import Ask, Chooser, Option, Reader, help_rows
from devctl.tui.theme import PALETTES
from devctl.tui.verbs.times import moment
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp
    from devctl.tui.verbs.perform import Verbs


class Looking:
    """Changes what is on the screen, and nothing else."""

    def __init__(self, app: DevctlApp, verbs: Verbs) -> None:
        self._app, self._verbs = app, verbs
        panes = app.panes
        self.actions: dict[str, Callable[[], Any]] = {
            "help": self._help, "palette": self._palette, "theme": self._next_theme, "zoom": panes.zoom,
            "pane.next": lambda: panes.next(1), "pane.previous": lambda: panes.next(-1),
            "history.back": lambda: panes.step_history(-1), "history.forward": lambda: panes.step_history(1),
            "filter": app.filter_line.open, "next": lambda: self._find(1), "previous": lambda: self._find(-1),
            "back": self._back, "refresh": self._refresh, "open": lambda: panes.active.lines.open_current(),
            "details": lambda: self._side("details"), "why": lambda: self._side("why"), "logs": self._logs,
            "traces": self._traces, "json": self._view, "journey": self._journey,
        }  # fmt: skip

    def _help(self) -> None:
        app = self._app
        app.push_screen(Reader("Keys", help_rows(app.panes.view_name), app.palette, self._verbs.copying.copy))

    def _palette(self) -> None:
        options = [
            Option(action.label, action.name, action.shown_key)
            for action in keys.ACTIONS
            if action.name not in ("palette", "back") and keys.is_here(action, self._app.panes.view_name)
        ]
        options += [Option(f"Theme {name}", f"theme:{name}") for name in PALETTES]
        for service in self._app.model.services:
            options += [
                Option(f"Logs of {service}", f"logs:{service}"),
                Option(f"Traces of {service}", f"traces:{service}"),
                Option(f"Restart {service}", f"restart:{service}"),
            ]
        self._app.push_screen(Chooser("Commands", options, self._app.palette), self._chosen)

    def _chosen(self, value: str | None) -> None:
        if value is None:
            return
        verb, sign, name = value.partition(":")
        if not sign:
            self._verbs.perform(value)
        elif verb == "theme":
            self._theme(name)
        elif verb == "restart":
            self._verbs.on_services["restart"]([name])
        elif verb == "logs":
            self._app.go("logs", services=(name,))
        else:
            self._app.go("traces", service=name)

    def _next_theme(self) -> None:
        names = list(PALETTES)
        self._theme(names[(names.index(self._app.palette.name) + 1) % len(names)])

    def _theme(self, name: str) -> None:
        self._app.set_palette(name)
        self._app.memory.put("theme", name)
        self._app.notice(f"Theme: {name}")

    def _find(self, step: int) -> None:
        lines = self._app.panes.active.lines
        if lines.pattern is None:
            self._app.notice("Nothing to search for: `/` filters first.")
        elif not lines.find(step):
            self._app.notice("No other match here.")

    def _back(self) -> None:
        app = self._app
        if app.bars.end_notice() or app.panes.active.back() or app.panes.close_side():
            return
        if app.panes.zoomed:
            app.panes.zoom()
        elif app.attached.back():
            app.notice("Back at the stack as it is now.")

    def _refresh(self) -> None:
        self._app.attached.pulse.hurry()
        for view in self._app.panes.shown():
            view.reload()

    def _side(self, name: str) -> None:
        panes = self._app.panes
        if panes.places.current.side == name:
            panes.close_side()
            return
        services = panes.active.services()
        panes.go_side(name, **({"service": services[0]} if services else {}))

    def _logs(self) -> None:
        services = self._app.panes.active.services()
        self._app.go("logs", **({"services": tuple(services)} if services else {}))

    def _traces(self) -> None:
        services = self._app.panes.active.services()
        self._app.go("traces", **({"service": services[0]} if services else {}))

    def _journey(self) -> None:
        entity = self._app.panes.active.entity()
        if entity:
            self._app.go("journey", entity=entity)
        else:
            self._app.notice("Nothing here names an order (or what else `journeys:` in the manifest tells of).")

    def _view(self) -> None:
        view = self._app.panes.active
        if view.lines.current:
            self.view_json(view.TITLE, view.as_json(view.lines.current))

    def view_json(self, title: str, value: Any) -> None:
        """Show plain data whole, in a box."""
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        rows = [Row(number, ((safe(line), ""),), indent=4) for number, line in enumerate(text.split("\n"))]
        self._app.push_screen(Reader(title, rows, self._app.palette, self._verbs.copying.copy))

    def ask_time(self, then: Callable[[int], None]) -> None:
        """Ask for a time of day or how long ago, and hand it over in nanoseconds."""
        now_ns = self._app.stack.now_ns()

        def take(text: str | None) -> None:
            if text:
                then(moment(text, now_ns))

        hint = "12:30, 12:30:05, or how long ago: 5m"
        self._app.push_screen(Ask("Jump to", hint, self._app.palette, lambda text: moment(text, now_ns)), take)
