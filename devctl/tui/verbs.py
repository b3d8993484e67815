"""What each action of `keys` does. Whatever may take time is done in a thread; errors become notices."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devctl.errors import DevctlError
from devctl.text import count, duration, listing, typed
from devctl.tui import clipboard, keys
from devctl.tui.cells import safe
from devctl.tui.dialogs import Ask, Chooser, Confirm, Option, Reader, help_rows
from devctl.tui.model import ALIVE
from devctl.tui.theme import PALETTES
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.session.protocol import Settled
    from devctl.tui.app import DevctlApp


class Verbs:
    """The actions of one app."""

    def __init__(self, app: DevctlApp) -> None:
        self._app = app
        self._has_mouse = True
        self._general: dict[str, Callable[[], Any]] = {
            "help": self._help, "palette": self._palette, "quit": self._quit, "theme": self._next_theme,
            "zoom": self._zoom, "pane.next": lambda: self._pane(1), "pane.previous": lambda: self._pane(-1),
            "history.back": lambda: app.step_history(-1), "history.forward": lambda: app.step_history(1),
            "filter": app.start_typing, "next": lambda: self._find(1), "previous": lambda: self._find(-1),
            "back": self._back, "refresh": self._refresh, "open": lambda: app.active.lines.open_current(),
            "mouse": self._toggle_mouse, "details": lambda: self._side("details"), "why": lambda: self._side("why"),
            "logs": self._logs, "traces": self._traces, "json": self._view, "journey": self._journey,
        }  # fmt: skip
        self._on_services: dict[str, Callable[[list[str]], Any]] = {
            "restart": self._restart, "restart.dependents": self._restart_dependents, "toggle": self._toggle,
            "kill": self._kill, "exec": self._exec, "browse": self._browse,
        }  # fmt: skip

    def perform(self, name: str) -> None:
        """Do an action, where it makes sense now."""
        app = self._app
        if name.startswith("view."):
            app.go(name.removeprefix("view."))
        elif name.startswith("copy"):
            self._copy(name)
        elif app.active.act(name):
            pass
        elif name in self._general:
            self._general[name]()
        elif name in self._on_services:
            services = self._services()
            if services:
                self._on_services[name](services)
            else:
                app.notice("No service here: put the cursor on one.")
        app.update_bars()

    def _services(self) -> list[str]:
        active = self._app.active.services()
        services = self._app.model.services
        return [name for name in active if name in services]

    # Looking around

    def _help(self) -> None:
        app = self._app
        app.push_screen(Reader("Keys", help_rows(app.places.current.view), app.palette, self.copy))

    def _palette(self) -> None:
        options = [
            Option(action.label, action.name, action.shown_key)
            for action in keys.ACTIONS
            if action.name not in ("palette", "back") and keys.is_here(action, self._app.places.current.view)
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
            self.perform(value)
        elif verb == "theme":
            self._theme(name)
        elif verb == "restart":
            self._restart([name])
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

    def _zoom(self) -> None:
        self._app.zoomed = "" if self._app.zoomed else self._app.active.NAME
        self._app.show_place(focus=self._app.active.NAME)

    def _pane(self, step: int) -> None:
        shown = self._app.shown_views()
        if len(shown) > 1:
            at = shown.index(self._app.active) if self._app.active in shown else 0
            shown[(at + step) % len(shown)].lines.focus()

    def _find(self, step: int) -> None:
        lines = self._app.active.lines
        if lines.pattern is None:
            self._app.notice("Nothing to search for: `/` filters first.")
        elif not lines.find(step):
            self._app.notice("No other match here.")

    def _back(self) -> None:
        app = self._app
        if app._notice:
            app._notice = None
        elif app.active.back() or app.close_side():
            pass
        elif app.zoomed:
            app.zoomed = ""
            app.show_place(focus=app.active.NAME)
        elif app.return_to_stack():
            app.notice("Back at the stack as it is now.")

    def _refresh(self) -> None:
        self._app.pulse.hurry()
        for view in self._app.shown_views():
            view.reload()

    def _side(self, name: str) -> None:
        current = self._app.places.current
        if current.side == name:
            self._app.close_side()
            return
        services = self._app.active.services()
        self._app.go_side(name, **({"service": services[0]} if services else {}))

    def _logs(self) -> None:
        services = self._app.active.services()
        self._app.go("logs", **({"services": tuple(services)} if services else {}))

    def _traces(self) -> None:
        services = self._app.active.services()
        self._app.go("traces", **({"service": services[0]} if services else {}))

    def _journey(self) -> None:
        entity = self._app.active.entity()
        if entity:
            self._app.go("journey", entity=entity)
        else:
            self._app.notice("Nothing here names an order (or what else `journeys:` in the manifest tells of).")

    def _view(self) -> None:
        view = self._app.active
        if view.lines.current:
            self.view_json(view.TITLE, view.as_json(view.lines.current))

    def view_json(self, title: str, value: Any) -> None:
        """Show plain data whole, in a box."""
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        rows = [Row(number, ((safe(line), ""),), indent=4) for number, line in enumerate(text.split("\n"))]
        self._app.push_screen(Reader(title, rows, self._app.palette, self.copy))

    def ask_time(self, then: Callable[[int], None]) -> None:
        """Ask for a time of day or how long ago, and hand it over in nanoseconds."""
        now_ns = self._app.stack.now_ns()

        def take(text: str | None) -> None:
            if text:
                then(moment(text, now_ns))

        hint = "12:30, 12:30:05, or how long ago: 5m"
        self._app.push_screen(Ask("Jump to", hint, self._app.palette, lambda text: moment(text, now_ns)), take)

    # Copying

    def _copy(self, name: str) -> None:
        view = self._app.active
        rows = view.lines.chosen()
        if name == "copy.menu":
            self._copy_menu()
        elif name == "copy.all":
            rows = [row for row in view.lines.rows if not row.is_head]
            self.copy(view.text_of(rows), count(len(rows), "line"))
        elif name == "copy" and view.lines.dragged:
            self.copy(view.lines.selected_text(), "the selection")
        elif rows:
            text = view.text_of(rows) if name == "copy" else view.json_of(rows)
            self.copy(text, count(len(rows), "line") + (" as JSON" if name == "copy.json" else ""))

    def _copy_menu(self) -> None:
        view = self._app.active
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

    # Changing the stack

    def _restart(self, services: list[str]) -> None:
        control = self._app.stack.control
        self._work("restart", services, lambda: control.restart(services))

    def _restart_dependents(self, services: list[str]) -> None:
        control = self._app.stack.control
        question = f"Restart {_names(services)} with everything that depends on it?"
        self._ask(question, "Yes, restart", lambda: self._work(
            "restart", services, lambda: control.restart(services, with_dependents=True)))  # fmt: skip

    def _toggle(self, services: list[str]) -> None:
        control = self._app.stack.control
        running = [
            name for name in services if self._app.model.services[name]["status"] in ALIVE | {"blocked", "pending"}
        ]
        if not running:
            self._work("start", services, lambda: control.start(services))
        elif len(running) > 1:
            self._ask(f"Stop {_names(running)}?", "Yes, stop them",
                      lambda: self._work("stop", running, lambda: control.stop(running)))  # fmt: skip
        else:
            self._work("stop", running, lambda: control.stop(running))

    def _kill(self, services: list[str]) -> None:
        control = self._app.stack.control

        def kill() -> None:
            self._work("kill", services, lambda: control.kill(services))

        if len(services) > 1:
            self._ask(f"Kill {_names(services)}?", "Yes, kill them", kill)
        else:
            kill()

    def _ask(self, question: str, yes: str, then: Callable[[], None]) -> None:
        def take(is_yes: bool | None) -> None:
            if is_yes:
                then()

        self._app.push_screen(Confirm(question, yes, self._app.palette), take)

    confirm = _ask

    def _work(self, verb: str, services: Sequence[str], call: Callable[[], Any]) -> None:
        app = self._app
        names = _names(services)
        app.notice(f"{_ING[verb]} {names} …")
        began = time.monotonic()

        def work() -> None:
            try:
                answer = call()
            except DevctlError as error:
                app.from_thread(app.notice, problem(error, app.command), "bad")
            except OSError as error:
                app.from_thread(app.notice, f"The supervisor went away meanwhile: {error}", "bad")
            else:
                took = duration(time.monotonic() - began)
                app.from_thread(app.notice, *_outcome(verb, names, answer, took))
            app.pulse.hurry()

        app.in_thread(work)

    def run(self, what: str, call: Callable[[], str]) -> None:
        """Do something else that may take time; what it returns becomes a notice."""
        app = self._app
        app.notice(f"{what} …")

        def work() -> None:
            try:
                app.from_thread(app.notice, call())
            except DevctlError as error:
                app.from_thread(app.notice, problem(error, app.command), "bad")

        app.in_thread(work)

    def _browse(self, services: list[str]) -> None:
        view = self._app.model.services[services[0]]
        address = view["page"] or (f"http://{view['ports']['http']}/" if "http" in view["ports"] else "")
        if not address:
            self._app.notice(f"{view['name']} has no page.", "warn")
            return

        def browse() -> str:
            import webbrowser

            opened = webbrowser.open(address)
            return f"Opened {address}" if opened else f"No browser could be opened here: {address}"

        self.run(f"Opening {address}", browse)

    def _exec(self, services: list[str]) -> None:
        app = self._app

        def fetch() -> None:
            try:
                shell = app.stack.control.shell(services[0])
            except DevctlError as error:
                app.from_thread(app.notice, problem(error, app.command), "bad")
            else:
                app.from_thread(self._run_shell, services[0], shell)

        app.in_thread(fetch)

    def _run_shell(self, service: str, shell: Any) -> None:
        """Suspend the terminal UI and run a shell in a service's environment."""
        import subprocess

        from textual.app import SuspendNotSupported

        try:
            with self._app.suspend():
                print(f"A shell in the environment of {service}; `exit` returns to the terminal UI.")
                code = subprocess.run(
                    list(shell.argv), env=dict(shell.environment), cwd=shell.folder or None
                ).returncode
            self._app.refresh()
            self._app.notice(f"The shell of {service} ended with {code}.")
        except (OSError, SuspendNotSupported) as error:
            self._app.notice(f"No shell could be opened here: {error}", "bad")

    # Leaving

    def _quit(self) -> None:
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


_ING = {"restart": "Restarting", "start": "Starting", "stop": "Stopping", "kill": "Killing"}
_DONE = {"restart": "Restarted", "start": "Started", "stop": "Stopped", "kill": "Killed"}


def _names(services: Sequence[str]) -> str:
    return listing(services) if len(services) < 5 else count(len(services), "service")


def _outcome(verb: str, names: str, answer: Any, took: str) -> tuple[str, str]:
    if isinstance(answer, list):
        return (f"Sent SIGKILL to {listing(answer)}; the restart policy acts.", "") if answer else (
            f"Nothing of {names} runs.", "warn")  # fmt: skip
    settled: Settled = answer
    if settled["failed"]:
        return f"{_DONE[verb]} {names}, but {listing(settled['failed'])} is not healthy; `w` says why.", "bad"
    return f"{_DONE[verb]} {names} in {took}.", "good"


def problem(error: DevctlError, command: str) -> str:
    """Return an error as one line: what, and what to do next."""
    return typed(" ".join(f"{error.what}. {error.next}".split()), command)


_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?")


def moment(text: str, now_ns: int) -> int:
    """Return the nanoseconds that `12:30:05`, `5m` (ago) or an RFC 3339 time means; ValueError when it is none."""
    from datetime import UTC, datetime

    from devctl.text import parse_duration

    text = text.strip()
    if match := _CLOCK.fullmatch(text):
        now = time.localtime(now_ns // 1_000_000_000)
        hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"no time of day: {text!r}")
        day = (now.tm_year, now.tm_mon, now.tm_mday, hour, minute, second, 0, 0, -1)
        seconds = int(time.mktime(day))
        seconds -= 86_400 if seconds > now_ns // 1_000_000_000 else 0
        return seconds * 1_000_000_000 + int((match[4] or "0").ljust(9, "0"))
    try:
        return now_ns - int(parse_duration(text) * 1e9)
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"no time: {text!r}; 12:30:05, 5m (ago) or 2026-01-31T12:00:00Z is one") from None
    aware = parsed if parsed.tzinfo else parsed.astimezone(UTC)
    return int(aware.timestamp() * 1e6) * 1000
