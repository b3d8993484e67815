"""The actions that change services: start, stop, restart, kill, scale, a shell, the browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from devctl.errors import DevctlError
from devctl.text import count, duration, listing, typed
from devctl.tui.dialogs import Ask, Confirm
from devctl.tui.model import ALIVE

if TYPE_CHECKING:
    from devctl.session.protocol import Settled
    from devctl.tui.app import DevctlApp
    from devctl.tui.stack import Shell

MOST_INSTANCES = 20
"""More is surely a typing mistake: each instance is a process of this machine."""


class Changing:
    """Acts on services through the stack's control; asks first where something is lost."""

    def __init__(self, app: DevctlApp) -> None:
        self._app = app
        self.actions: dict[str, Callable[[list[str]], Any]] = {
            "restart": self._restart, "restart.dependents": self._restart_dependents, "toggle": self._toggle,
            "kill": self._kill, "scale": self._scale, "exec": self._exec, "browse": self._browse,
        }  # fmt: skip

    def _restart(self, services: list[str]) -> None:
        control = self._app.stack.control
        self._work("restart", services, lambda: control.restart(services))

    def _restart_dependents(self, services: list[str]) -> None:
        control = self._app.stack.control
        question = f"Restart {_names(services)} with everything that depends on it?"
        self.confirm(question, "Yes, restart", lambda: self._work(
            "restart", services, lambda: control.restart(services, with_dependents=True)))  # fmt: skip

    def _toggle(self, services: list[str]) -> None:
        control = self._app.stack.control
        running = [
            name for name in services if self._app.model.services[name]["status"] in ALIVE | {"blocked", "pending"}
        ]
        if not running:
            self._work("start", services, lambda: control.start(services))
        elif len(running) > 1:
            self.confirm(f"Stop {_names(running)}?", "Yes, stop them",
                      lambda: self._work("stop", running, lambda: control.stop(running)))  # fmt: skip
        else:
            self._work("stop", running, lambda: control.stop(running))

    def _kill(self, services: list[str]) -> None:
        control = self._app.stack.control

        def kill() -> None:
            self._work("kill", services, lambda: control.kill(services))

        if len(services) > 1:
            self.confirm(f"Kill {_names(services)}?", "Yes, kill them", kill)
        else:
            kill()

    def _scale(self, services: list[str]) -> None:
        control = self._app.stack.control
        views = [self._app.model.services[name] for name in services]
        now = ", ".join(str(len(view["instances"])) for view in views)
        more = "" if all(view["fronted"] for view in views) else "; what has no shared port restarts once to get one"

        def take(text: str | None) -> None:
            if text:
                counts = dict.fromkeys(services, instances(text))
                self._work("scale", services, lambda: control.scale(counts))

        title = f"How many instances of {_names(services)}? (now {now}{more})"
        self._app.push_screen(Ask(title, f"1 to {MOST_INSTANCES}", self._app.palette, instances), take)

    def confirm(self, question: str, yes: str, then: Callable[[], None]) -> None:
        """Ask, and do it after a yes."""

        def take(is_yes: bool | None) -> None:
            if is_yes:
                then()

        self._app.push_screen(Confirm(question, yes, self._app.palette), take)

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
            app.attached.pulse.hurry()

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

    def _run_shell(self, service: str, shell: Shell) -> None:
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


_ING = {"scale": "Scaling", "restart": "Restarting", "start": "Starting", "stop": "Stopping", "kill": "Killing"}
_DONE = {"scale": "Scaled", "restart": "Restarted", "start": "Started", "stop": "Stopped", "kill": "Killed"}


def instances(text: str) -> int:
    """Return how many instances a person typed; ValueError when it is no number that makes sense."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_INSTANCES:
        raise ValueError(f"a whole number from 1 to {MOST_INSTANCES}; `s` stops a service")
    return int(text)


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
