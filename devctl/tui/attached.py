"""Which stack is on the screen: the one that runs, or a past run opened over it; and what comes from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devctl.tui.model import Model
from devctl.tui.pulse import Beat, Pulse

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp
    from devctl.tui.stack import Stack

FLASH_SECONDS = 0.7


class Attached:
    """The stack, what is known of it, and the threads that keep that true."""

    def __init__(self, app: DevctlApp, stack: Stack) -> None:
        self._app = app
        self._earlier: list[Stack] = []
        self._attach(stack)

    def _attach(self, stack: Stack) -> None:
        self.stack = stack
        self.model = Model(stack=stack.name, link=stack.link)
        self.pulse = Pulse(stack, self._app.from_thread, self.take)
        self.pulse.is_calm = lambda: self.model.status in ("healthy", "")

    def open(self, stack: Stack) -> None:
        """Show another stack (or run) from here on; the one before stays open to go back to."""
        self._earlier.append(self.stack)
        self._change(stack)

    def back(self) -> bool:
        """Go back to the stack before; False when there was none."""
        if not self._earlier:
            return False
        self._change(self._earlier.pop())
        return True

    def _change(self, stack: Stack) -> None:
        self.pulse.stop()
        self._app.panes.clear()
        self._attach(stack)
        self._app.go("overview")
        self.pulse.start()

    def take(self, beat: Beat) -> None:
        """Take in what the stack did, and show it."""
        model = self.model
        for item in beat.items:
            model.apply(item)
        if beat.link and beat.link != model.link:
            self._link_changed(beat.link)
        for name in ("loads", "alerts", "whys"):
            if (value := getattr(beat, name)) is not None:
                setattr(model, name, value)
        for service, (time_ns, errors) in (beat.signs or {}).items():
            model.saw_lines(service, time_ns, errors)
        if model.changed:
            self._flash()
            self.pulse.hurry()
        for name in ("overview", "details", "why"):
            if view := self._app.panes.in_sight(name):
                view.update()
        self._app.bars.update()

    def _link_changed(self, link: str) -> None:
        earlier, self.model.link = self.model.link, link
        if link == "lost":
            self._app.notice("The supervisor does not answer; services run on. Looking for it …", "warn")
        elif link == "gone" and earlier in ("live", "lost"):
            self._app.notice(
                "The stack was taken down. Its record stays readable; `devctl up -d` starts it again.", "warn"
            )
        elif link == "live" and earlier in ("lost", "gone"):
            self._app.notice("Connected again.")

    def _flash(self) -> None:
        changed, self.model.changed = self.model.changed, set()
        overview = self._app.panes.views.get("overview")
        if overview and not self._app.is_calm:
            overview.lines.flashing = frozenset(("service", name) for name in changed)
            overview.lines.redraw()
            self._app.set_timer(FLASH_SECONDS, self._end_flash)

    def _end_flash(self) -> None:
        if overview := self._app.panes.views.get("overview"):
            overview.lines.flashing = frozenset()
            overview.lines.redraw()
