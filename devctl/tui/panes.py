"""The panes on the screen: which view is shown, what stands beside it, which one has the focus, where one has been."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.containers import Horizontal
from textual.screen import ModalScreen

from devctl.tui import arrange, keys
from devctl.tui.places import Place, Places
from devctl.tui.screens import catalog

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp
    from devctl.tui.screens.view import View


class Panes:
    """The views of one stack, made when they are first shown."""

    def __init__(self, app: DevctlApp) -> None:
        self._app = app
        self.deck = Horizontal(id="deck")
        self.views: dict[str, View] = {}
        self.places = Places(Place("overview"))
        self.zoomed = ""
        self.focus_goal = ""

    @property
    def view_name(self) -> str:
        """The name of the view, whatever stands beside it."""
        return self.places.current.view

    @property
    def active(self) -> View:
        """The view that keys go to: the one with the focus, else the first one that is shown."""
        focused = self._app.screen.focused if self._app.has_screen else None
        for view in self.views.values():
            if view.display and focused in (view, view.lines):
                return view
        shown = self.shown()
        return shown[0] if shown else self.views[self.view_name]

    def shown(self) -> list[View]:
        """Return the views on the screen, from left to right."""
        views: Any = self.deck.children
        return [view for view in views if view.display]

    def in_sight(self, name: str) -> View | None:
        """Return a view when it is on the screen."""
        view = self.views.get(name)
        return view if view and view.display else None

    def clear(self) -> None:
        """Let all views go, for another stack."""
        for view in self.views.values():
            view.remove()
        self.views = {}
        self.places = Places(Place("overview"))

    def go(self, name: str, **arguments: Any) -> None:
        """Go to a view, and let it show what the arguments ask for."""
        name = name if name in keys.VIEWS or name in arrange.SIDES else "overview"
        if name in arrange.SIDES:
            self.go_side(name, **arguments)
            return
        self.places.go(Place(name, arguments))
        self.zoomed = ""
        self._app.memory.put("view", name)
        self._enter(name, arguments)
        self.show(focus=name)

    def go_side(self, name: str, **arguments: Any) -> None:
        """Open a pane beside the view."""
        target = self.places.current
        self.places.go(Place(target.view, target.arguments, name, arguments))
        self.zoomed = ""
        self._enter(name, arguments)
        self.show(focus=name if name == "trace" or self._app.size.width < arrange.TWO_PANES else "")

    def close_side(self) -> bool:
        """Close the pane beside the view; False when there is none."""
        target = self.places.current
        if not target.side:
            return False
        self.places.go(Place(target.view, target.arguments))
        self.show(focus=target.view)
        return True

    def step_history(self, by: int) -> None:
        """Go back or forward through the places."""
        if not self.places.step(by):
            self._app.notice("No place before this one." if by < 0 else "No place after this one.")
            return
        target = self.places.current
        self._enter(target.view, target.arguments)
        if target.side:
            self._enter(target.side, target.side_arguments)
        self.show(focus=target.view)

    def zoom(self) -> None:
        """Give the active pane the whole screen, or take it back."""
        name = self.active.NAME
        self.zoomed = "" if self.zoomed else name
        self.show(focus=name)

    def next(self, step: int) -> None:
        """Give the focus to the next pane, or (-1) the one before."""
        shown = self.shown()
        if len(shown) > 1:
            at = shown.index(self.active) if self.active in shown else 0
            self._app.screen.set_focus(shown[(at + step) % len(shown)].lines)

    def _enter(self, name: str, arguments: Mapping[str, Any]) -> None:
        view = self.views.get(name) or self._make(name)
        if view.is_ready:
            view.enter(arguments)
        else:
            view.pending = arguments

    def _make(self, name: str) -> View:
        view = self.views[name] = catalog.make(name, self._app)
        self.deck.mount(view)
        return view

    def show(self, focus: str = "") -> None:
        """Show the panes that fit for the place, and put the focus where it is asked for or still can be."""
        app, target = self._app, self.places.current
        panes = arrange.panes(app.size.width, app.size.height, target.view, target.side, zoomed=self.zoomed)
        names = [pane.name for pane in panes]
        for name in names:
            if name not in self.views:
                self._make(name)
        for view in self.views.values():
            view.display = view.NAME in names
        for number, pane in enumerate(panes):
            self._arrange(pane, number)
        focus_name = focus if focus in names else target.view if target.view in names else names[0]
        keeps = [app.filter_line.input, *(self.views[name].lines for name in names)]
        if focus or app.screen.focused not in keeps:
            self.focus_goal = focus_name
            if self.views[focus_name].is_ready:
                self._focus(focus_name)
            app.call_later(self._focus, focus_name)
        app.call_later(self.refresh)

    def _arrange(self, pane: arrange.Pane, number: int) -> None:
        """Give a pane its width, its edge and its position."""
        view, palette = self.views[pane.name], self._app.palette
        edge = "ansi_bright_black" if palette.is_ansi else palette.styles["edge"]
        view.styles.width = f"{pane.share}fr"
        view.styles.border_left = ("vkey", edge) if number else ("none", "transparent")
        self._app.call_later(self._move, view, number)

    def _move(self, view: View, number: int) -> None:
        children = list(self.deck.children)
        if view not in children or len(children) <= number:
            return
        at = children.index(view)
        if at > number:
            self.deck.move_child(view, before=number)
        elif at < number:
            self.deck.move_child(view, after=number)

    def _focus(self, name: str) -> None:
        if name in self.views and not isinstance(self._app.screen, ModalScreen):
            self._app.screen.set_focus(self.views[name].lines)

    def refresh(self) -> None:
        """Draw everything again."""
        for view in self.shown():
            if view.is_ready:
                view.lines.redraw()
                view.update_title()
        self._app.bars.update()
