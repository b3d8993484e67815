"""The application: bars, panes, focus, and where a key goes. What a verb does stands in `verbs`, what a view shows in
`screens`, what is known of the stack in `model`."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input

from devctl.text import devctl_command
from devctl.tui import arrange, keys, messages, summary
from devctl.tui.cells import safe
from devctl.tui.memory import Memory
from devctl.tui.model import Model
from devctl.tui.places import Place, Places
from devctl.tui.pulse import Beat, Pulse
from devctl.tui.screens import catalog
from devctl.tui.screens.view import View
from devctl.tui.theme import DARK, PALETTES, Palette
from devctl.tui.verbs import Verbs
from devctl.tui.widgets.bar import Bar

if TYPE_CHECKING:
    from devctl.tui.stack import Stack

NOTICE_SECONDS, ALARM_SECONDS = 5.0, 12.0
FLASH_SECONDS = 0.7
TYPING_SECONDS = 0.15
TICK_SECONDS = 1.0
HANGUP_SECONDS = 0.08
"""So long an orderly end may take when the terminal is gone."""


class DevctlApp(App[None], inherit_bindings=False):
    """One stack on the screen."""

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    CSS = """
    Screen { layout: vertical; }
    #deck { height: 1fr; }
    #filter { height: 1; border: none; padding: 0 1; background: $surface; color: $foreground; display: none; }
    #filter:focus { border: none; }
    """

    def __init__(
        self, stack: Stack, memory: Memory | None = None, environ: Mapping[str, str] = os.environ, command: str = ""
    ) -> None:
        self.memory = memory or Memory(None)
        self.environ = environ
        self.command = command or devctl_command(environ)
        self.palette = self._first_palette()
        super().__init__(ansi_color=self.palette.is_ansi)
        self.stack = stack
        self.model = Model(stack=stack.name, link=stack.link)
        self.places = Places(Place("overview"))
        self.verbs = Verbs(self)
        self.zoomed = ""
        self.focus_goal = ""
        self.is_typing = False
        self.is_calm = bool(environ.get("DEVCTL_REDUCED_MOTION"))
        self.header, self.why_bar = Bar("bar"), Bar("")
        self.keys_bar = Bar("bar", on_press=self._press_footer)
        self.query_input = Input(id="filter", placeholder="filter", select_on_focus=False)
        self.deck = Horizontal(id="deck")
        self.views: dict[str, View] = {}
        self.earlier_stacks: list[Stack] = []
        self.began_stack = False
        self.crash: Exception | None = None
        self.hung_up = False
        self._footer_spans: list[tuple[int, int, str]] = []
        self._notice: tuple[str, str, float] | None = None
        self._typed = 0
        self.pulse = Pulse(stack, self.from_thread, self.take_beat)

    def _first_palette(self) -> Palette:
        if self.environ.get("NO_COLOR"):
            return PALETTES["mono"]
        return PALETTES.get(self.environ.get("DEVCTL_THEME") or str(self.memory.get("theme", "")), DARK)

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.deck
        yield self.query_input
        yield self.why_bar
        yield self.keys_bar

    def on_mount(self) -> None:
        for palette in PALETTES.values():
            self.register_theme(palette.theme())
        self.set_palette(self.palette.name)
        self.go(str(self.memory.get("view", "overview")))
        self.pulse.is_calm = lambda: self.model.status in ("healthy", "")
        self.pulse.start()
        self.set_interval(TICK_SECONDS, self._tick)
        self._hear_signals()

    def _hear_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.add_signal_handler(number, self.hang_up)

    def hang_up(self) -> None:
        """End since the terminal is gone: soon, and at once should that be what ending waits for."""
        self.hung_up = True
        timer = threading.Timer(HANGUP_SECONDS, os._exit, (128 + signal.SIGHUP,))
        timer.daemon = True
        timer.start()
        self.exit()

    def _handle_exception(self, error: Exception) -> None:
        """End with the error kept for the report: no traceback on the screen."""
        self.crash = self.crash or error
        if self.is_headless:
            super()._handle_exception(error)  # a test sees it raised
        else:
            self._return_code = 1
            self._close_messages_no_wait()

    def open_run(self, run_id: str) -> None:
        """Show a past run with the same screens, over this app."""
        if run_id == self.stack.run_id:
            self.notice("This run is what is shown.")
            return
        self.switch_stack(self.stack.open_run(run_id))

    def on_unmount(self) -> None:
        self.pulse.stop()

    def switch_stack(self, stack: Stack) -> None:
        """Show another stack (or run) from here on; the one before stays open to go back to."""
        self.pulse.stop()
        self.earlier_stacks.append(self.stack)
        self._take_stack(stack)

    def return_to_stack(self) -> bool:
        """Go back to the stack before; False when there was none."""
        if not self.earlier_stacks:
            return False
        self.pulse.stop()
        self._take_stack(self.earlier_stacks.pop())
        return True

    def _take_stack(self, stack: Stack) -> None:
        self.stack = stack
        self.model = Model(stack=stack.name, link=stack.link)
        for view in self.views.values():
            view.remove()
        self.views = {}
        self.pulse = Pulse(stack, self.from_thread, self.take_beat)
        self.pulse.is_calm = lambda: self.model.status in ("healthy", "")
        self.pulse.start()
        self.places = Places(Place("overview"))
        self.call_later(self.go, "overview")

    # Threads

    def from_thread(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function here, soon, from any thread."""
        if self.is_running:
            self.call_later(function, *arguments)

    def in_thread(self, function: Callable[[], None]) -> None:
        """Call a function in a thread of its own."""
        threading.Thread(target=self._guarded, args=(function,), daemon=True).start()

    def _guarded(self, function: Callable[[], None]) -> None:
        try:
            function()
        except Exception as error:  # a bug of ours ends the app with a report, not a thread without a word
            self.from_thread(self._raise, error)

    def _raise(self, error: Exception) -> None:
        raise error

    # What comes

    def take_beat(self, beat: Beat) -> None:
        """Take in what the stack did, and show it."""
        for item in beat.items:
            self.model.apply(item)
        if beat.link and beat.link != self.model.link:
            self._link_changed(beat.link)
        for name in ("loads", "alerts", "whys"):
            if (value := getattr(beat, name)) is not None:
                setattr(self.model, name, value)
        for service, (time_ns, errors) in (beat.signs or {}).items():
            self.model.saw_lines(service, time_ns, errors)
        if self.model.changed:
            self._flash()
            self.pulse.hurry()
        for name in ("overview", "details", "why"):
            if name in self.views and self.views[name].display:
                self.views[name].update()
        self.update_bars()

    def _link_changed(self, link: str) -> None:
        earlier, self.model.link = self.model.link, link
        if link == "lost":
            self.notice("The supervisor is away; services run on. Looking for it …", "warn")
        elif link == "gone" and earlier in ("live", "lost"):
            self.notice("The stack was taken down. Its record stays readable; `devctl up -d` starts it again.", "warn")
        elif link == "live" and earlier in ("lost", "gone"):
            self.notice("Connected again.")

    def _flash(self) -> None:
        changed, self.model.changed = self.model.changed, set()
        overview = self.views.get("overview")
        if overview and not self.is_calm:
            overview.lines.flashing = frozenset(("service", name) for name in changed)
            overview.lines.redraw()
            self.set_timer(FLASH_SECONDS, self._end_flash)

    def _end_flash(self) -> None:
        lines = self.views["overview"].lines
        lines.flashing = frozenset()
        lines.redraw()

    def _tick(self) -> None:
        if self._notice and time.monotonic() > self._notice[2]:
            self._notice = None
            self.update_bars()
        for view in self.shown_views():
            view.tick()

    # Panes

    @property
    def active(self) -> View:
        """The view that keys go to: the one with the focus, else the first one that is shown."""
        focused = self.screen.focused if self._screen_stack else None
        for view in self.views.values():
            if view.display and focused in (view, view.lines):
                return view
        shown = self.shown_views()
        return shown[0] if shown else self.views[self.places.current.view]

    def shown_views(self) -> list[View]:
        """Return the views on the screen, from left to right."""
        return [view for child in self.deck.children if isinstance(view := child, View) and view.display]

    def go(self, name: str, **arguments: Any) -> None:
        """Go to a view, and let it show what the arguments ask for."""
        name = name if name in keys.VIEWS or name in arrange.SIDES else "overview"
        if name in arrange.SIDES:
            self.go_side(name, **arguments)
            return
        target = Place(name, arguments)
        self.places.go(target)
        self.zoomed = ""
        self.memory.put("view", name)
        self._enter(name, arguments)
        self.show_place(focus=name)

    def go_side(self, name: str, **arguments: Any) -> None:
        """Open a pane beside the view."""
        target = self.places.current
        self.places.go(Place(target.view, target.arguments, name, arguments))
        self.zoomed = ""
        self._enter(name, arguments)
        self.show_place(focus=name if name == "trace" or self.size.width < arrange.TWO_PANES else "")

    def close_side(self) -> bool:
        """Close the pane beside the view; False when there is none."""
        target = self.places.current
        if not target.side:
            return False
        self.places.go(Place(target.view, target.arguments))
        self.show_place(focus=target.view)
        return True

    def step_history(self, by: int) -> None:
        """Go back or forward through the places."""
        if not self.places.step(by):
            self.notice("No place before this one." if by < 0 else "No place after this one.")
            return
        target = self.places.current
        self._enter(target.view, target.arguments)
        if target.side:
            self._enter(target.side, target.side_arguments)
        self.show_place(focus=target.view)

    def _enter(self, name: str, arguments: Mapping[str, Any]) -> None:
        view = self.views.get(name) or self._make(name)
        if view.is_ready:
            view.enter(arguments)
        else:
            view.pending = arguments

    def _make(self, name: str) -> View:
        view = self.views[name] = catalog.make(name)
        self.deck.mount(view)
        return view

    def show_place(self, focus: str = "") -> None:
        """Show the panes that fit for the place, and put the focus where it is asked for or still can be."""
        target = self.places.current
        panes = arrange.panes(self.size.width, self.size.height, target.view, target.side, zoomed=self.zoomed)
        names = [pane.name for pane in panes]
        for name in names:
            if name not in self.views:
                self._make(name)
        for view in self.views.values():
            view.display = view.NAME in names
        for number, pane in enumerate(panes):
            view = self.views[pane.name]
            view.styles.width = f"{pane.share}fr"
            view.styles.border_left = ("vkey", self._edge()) if number else ("none", "transparent")
            if len(panes) > 1:
                self.call_later(self._put_at, view, number)
        focus_name = focus if focus in names else target.view if target.view in names else names[0]
        if focus or self.screen.focused is None or not self.screen.focused.display:
            self.focus_goal = focus_name
            self.call_later(self._focus, focus_name)
        self.call_later(self._refresh_panes)

    def _edge(self) -> str:
        return "ansi_bright_black" if self.palette.is_ansi else self.palette.styles["edge"]

    def _put_at(self, view: View, number: int) -> None:
        children = list(self.deck.children)
        if view in children and children.index(view) != number and len(children) > number:
            self.deck.move_child(view, before=number) if children.index(view) > number else self.deck.move_child(
                view, after=number
            )

    def _focus(self, name: str) -> None:
        if name in self.views and not isinstance(self.screen, ModalScreen):
            self.views[name].lines.focus()

    def _refresh_panes(self) -> None:
        for view in self.shown_views():
            if view.is_ready:
                view.lines.redraw()
                view.update_title()
        self.update_bars()

    def on_resize(self, event: events.Resize) -> None:
        if self.views:
            self.show_place()

    # Bars

    def update_bars(self) -> None:
        """Show the lines around the panes as things are now."""
        width = self.size.width
        if arrange.is_too_small(width, self.size.height):
            self.header.show((("too small: 60×15 at least", "warn"),))
        else:
            self.header.show(*summary.header(self.model, self.places.current.view, width))
        self._show_why_line(width)
        cells, self._footer_spans = summary.footer(self.valid(), width)
        self.keys_bar.show(cells)

    def _show_why_line(self, width: int) -> None:
        if self._notice:
            text, style, _ = self._notice
            self.why_bar.show(((f" {text}", style),), ground="notice")
            self.why_bar.display = True
            return
        cells = summary.what_is_wrong(self.model, width, self.command)
        self.why_bar.show(cells, ground="")
        self.why_bar.display = bool(cells)

    def notice(self, text: str, style: str = "") -> None:
        """Say something in the line above the keys, for a while."""
        seconds = ALARM_SECONDS if style in ("bad", "warn") else NOTICE_SECONDS
        self._notice = (safe(text, 2000), style, time.monotonic() + seconds)
        self.update_bars()

    def valid(self) -> set[str]:
        """Return the actions that make sense now."""
        view = self.active
        names = set(view.valid()) | {"help", "quit", "palette", "theme", "refresh", "zoom", "pane.next"}
        return {name for name in names if keys.is_here(keys.BY_NAME[name], self.places.current.view)}

    def _press_footer(self, x: int) -> None:
        for start, end, name in self._footer_spans:
            if start <= x < end:
                self.verbs.perform(name)

    @staticmethod
    @lru_cache(maxsize=4096)
    def _second(seconds: int) -> str:
        return time.strftime("%H:%M:%S", time.localtime(seconds))

    def clock(self, time_ns: int) -> str:
        """Return a time of day with milliseconds, in local time."""
        seconds, rest = divmod(time_ns, 1_000_000_000)
        return f"{self._second(seconds)}.{rest // 1_000_000:03d}"

    # Keys

    def on_key(self, event: events.Key) -> None:
        if isinstance(self.screen, ModalScreen):
            return
        if self.is_typing:
            self._type(event)
            return
        if move := keys.move(event.key, event.character):
            event.stop()
            event.prevent_default()
            self.active.lines.move(move)
            return
        action = keys.find(event.key, event.character)
        if action:
            event.stop()
            event.prevent_default()
            self.verbs.perform(action.name)

    def _type(self, event: events.Key) -> None:
        """Take a key while a filter is typed, also one that came before the line had the focus: it is no verb."""
        if event.key in ("escape", "enter", "down", "tab"):
            event.stop()
            event.prevent_default()
            self._end_typing(keep=event.key != "escape")
        elif self.screen.focused is not self.query_input and event.is_printable and event.character:
            self.query_input.insert_text_at_cursor(event.character)

    def start_typing(self) -> None:
        """Open the line in which a filter is typed."""
        self.is_typing = True
        self.query_input.value = self.active.filter
        self._typing_for = self.active
        self.query_input.display = True
        self.screen.set_focus(self.query_input)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input is self.query_input and self.query_input.display:
            self._typed += 1
            self.set_timer(TYPING_SECONDS, lambda number=self._typed: self._apply_typed(number))

    def _apply_typed(self, number: int) -> None:
        if number == self._typed:
            self._filter(self.query_input.value)

    def _filter(self, text: str) -> None:
        try:
            if text != self._typing_for.filter:
                self._typing_for.set_filter(text)
        except ValueError as error:
            self.notice(str(error), "warn")

    def _end_typing(self, *, keep: bool) -> None:
        self._typed += 1
        self.is_typing = False
        self._filter(self.query_input.value if keep else "")
        self.query_input.display = False
        self._typing_for.lines.focus()
        self.update_bars()

    # What widgets tell

    def on_opened(self, message: messages.Opened) -> None:
        self._view_of(message).opened(message.row)

    def on_link_opened(self, message: messages.LinkOpened) -> None:
        self._view_of(message).follow_link(message.target)

    def _view_of(self, message: Any) -> View:
        control = message._sender
        return next((view for view in self.views.values() if view.lines is control), self.active)

    def on_cursor_moved(self, message: messages.CursorMoved) -> None:
        details = self.views.get("details")
        if details and details.display and self.active.NAME != "details":
            details.update()
        self.update_bars()

    def on_selected(self, message: messages.Selected) -> None:
        if message.text:
            self.verbs.copy(message.text, "the selection")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for view in self.shown_views():
            view.update_title()
        self.update_bars()

    # For views

    def set_palette(self, name: str) -> None:
        """Take another theme."""
        self.palette = PALETTES[name]
        self.ansi_color = self.palette.is_ansi
        self.theme = self.palette.theme().name
        for bar in self.screen.query(Bar):
            bar.palette = self.palette
            bar.refresh()
        for view in self.views.values():
            view.lines.palette = view.bar.palette = self.palette
            view.lines.redraw()
            view.bar.refresh()

    def remember(self, name: str, **values: Any) -> None:
        """Keep something of a view for the next time."""
        self.memory.put(name, {**self.memory.get(name, {}), **values})

    def view_json(self, title: str, value: Any) -> None:
        """Show plain data whole."""
        self.verbs.view_json(title, value)

    def ask_time(self, then: Callable[[int], None]) -> None:
        """Ask for a time of day, and go there."""
        self.verbs.ask_time(then)
