"""The life of a smoke run: up, healthy, checked, reported, down; whatever happens, nothing is left behind."""

from __future__ import annotations

import _thread
import contextlib
import io
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from devctl.actions import up
from devctl.actions.failures import StartFailed
from devctl.errors import DevctlError, EnvironmentProblem, UsageError
from devctl.record import secrets
from devctl.smoke import guard as guards
from devctl.smoke import start
from devctl.smoke.health import Watcher
from devctl.smoke.outcome import FAILED, Outcome, Report
from devctl.smoke.stack import RunningStack
from devctl.text import clean, duration

if TYPE_CHECKING:
    from devctl.actions.access import StackAccess
    from devctl.actions.display import Display
    from devctl.diagnosis.views import WhyView
    from devctl.manifest.load import Loaded
    from devctl.queries.compare import Figures
    from devctl.session.protocol import Item, Settled
    from devctl.smoke.plugin import Subject

GOOD = ("healthy", "running", "completed")


class SmokeOptions(NamedTuple):
    """What one smoke run shall do. `pytest_arguments` go to pytest as they are."""

    suites: Sequence[str] = ()
    reuse: bool = False
    keep: bool = False
    keep_on_failure: bool = False
    isolated: bool = False
    run_as: str = ""
    profiles: Sequence[str] = ()
    timeout_seconds: float | None = None
    pytest_arguments: Sequence[str] = ()


class Listener(NamedTuple):
    """What a front end does with what happens: `say` a sentence, `show` an outcome, `display` the start."""

    say: Callable[[str], None]
    show: Callable[[Outcome], None]
    display: Callable[[], Display]


def require_pytest() -> None:
    """Raise EnvironmentProblem where pytest is not installed."""
    import importlib.util

    if importlib.util.find_spec("pytest") is None:
        raise EnvironmentProblem(
            "`devctl smoke` needs pytest, which is not installed", next="Install it: pip install 'devctl[smoke]'."
        )


def not_spread() -> UsageError:
    """Return the refusal of pytest-xdist."""
    return UsageError(
        "checks are not spread over processes: they share one stack, and each watches what the others do",
        next="Leave `-n` and `--dist` away; a suite's name or `-k` chooses some of the checks.",
    )


class SmokeRun:
    """One run of `devctl smoke`."""

    def __init__(self, access: StackAccess, options: SmokeOptions, listener: Listener) -> None:
        if any(re.match(r"-n|--numprocesses|--dist|--tx", argument) for argument in options.pytest_arguments):
            raise not_spread()
        self.access = access.isolated() if options.isolated else access
        self.options = options
        self.listener = listener
        self.loaded: Loaded = self.access.load(
            run_as=options.run_as, isolated=options.isolated, profiles=options.profiles, with_smoke=True
        )
        assert self.loaded.smoke is not None
        self.smoke = self.loaded.smoke
        self.report = Report(self.loaded.spec.name)
        self.is_borrowed = False
        self.stack = RunningStack(self.access)
        self.subject: Subject | None = None
        self._guard: guards.Guard | None = None
        self._began = time.monotonic()
        self._start_seconds = 0.0
        self._is_late = False
        self._steps: list[Outcome] = []

    def prove(self) -> Report:
        """Bring the stack up, prove it, and return what came of it; the stack is left as it then is."""
        with self._limits():
            try:
                self._prepare()
                began_ns = time.time_ns()
                watcher = self._start()
                self._check(watcher, began_ns)
            except KeyboardInterrupt:
                self._interrupted()
        self.report.seconds = time.monotonic() - self._began
        busy = sum(outcome.seconds for outcome in self.report.outcomes if outcome.phase != "start")
        self.report.overhead_seconds = max(self.report.seconds - self._start_seconds - busy, 0.0)
        return self.report

    def _interrupted(self) -> None:
        if not self._is_late:
            self.report.interrupted = True
            return
        message = f"not done after {duration(self._limit)}"
        self._add(Outcome("health", "the run ends in time", FAILED, message=message))

    @property
    def _limit(self) -> float:
        return self.options.timeout_seconds or self.smoke.timeout

    @contextlib.contextmanager
    def _limits(self) -> Iterator[None]:
        """End the body when its time is over, and turn SIGTERM, with which a CI system cancels a job, into Ctrl-C."""

        def end() -> None:
            self._is_late = True
            _thread.interrupt_main()

        def cancel(*_: object) -> None:
            raise KeyboardInterrupt

        timer = threading.Timer(self._limit, end)
        timer.daemon = True
        timer.start()
        earlier = signal.signal(signal.SIGTERM, cancel)
        try:
            yield
        finally:
            timer.cancel()
            signal.signal(signal.SIGTERM, earlier)

    # Up

    def _prepare(self) -> None:
        """Clear what a killed run left, and find out whether a running stack is to be used, or in the way."""
        if guards.clear_remains(self.access):
            self.listener.say("An earlier smoke run was killed; its stack was taken down.")
        client = self.access.client()
        if client is None:
            return
        try:
            if not self.options.reuse:
                raise UsageError(
                    "this stack runs already", where=str(self.access.paths.folder),
                    next="Use it with --reuse, prove a copy with --isolated, or end it with `devctl down`.",
                )  # fmt: skip
            missing = {v["name"] for v in client.status()["services"] if v["status"] not in GOOD and v["optional"]}
            steps = [step for step in client.plan(self.loaded.spec) if step["service"] not in missing]
            if steps:
                raise UsageError(
                    f"the running stack is not as stack.yaml says: {clean(steps[0]['text'])}",
                    next="`devctl up -d` brings it up to date; without --reuse and after `devctl down` it is new.",
                )
            self.is_borrowed = True
        finally:
            client.close()

    def _start(self) -> Watcher | None:
        """Bring the stack up (or take it as it is) and record how; return None when it did not become healthy."""
        why: Sequence[WhyView] = ()
        if not self.is_borrowed:
            self._guard = guards.Guard(self.access, volumes=self.options.isolated)
            why = self._up()
        status = self.stack.status()
        self.report.run = status["run"]
        bad = [v["name"] for v in status["services"] if v["status"] not in GOOD and not v["optional"]]
        if bad and not why:
            why = self.stack.why(bad)
        self._steps = start.outcomes(status, self._events(), why)
        return None if bad else Watcher(self.access)

    def _up(self) -> Sequence[WhyView]:
        timeout = min(self.smoke.start_timeout, self._limit)
        options = up.UpOptions(
            run_as=self.options.run_as, profiles=self.options.profiles, isolated=self.options.isolated, watch=False,
            wait_timeout_seconds=timeout,
        )  # fmt: skip
        startup = up.prepare(self.access, options, _Marking(self.listener.display(), self._guard))
        began = time.monotonic()
        try:
            startup.run(give_up=True)
        except StartFailed as failure:
            self.report.notes.append(str(failure.what))
            return failure.explanations
        finally:
            self._start_seconds = time.monotonic() - began
            startup.client.close()
        return ()

    @property
    def is_whole(self) -> bool:
        """Whether every item was run, on a stack that was started for it."""
        return not (self.is_borrowed or self.options.suites or self.options.pytest_arguments)

    def figures(self) -> Figures:
        """Return what of this run can be compared with another."""
        from devctl.queries import compare

        try:
            return compare.figures(self.stack.run, self.stack.spans)
        except DevctlError:
            return compare.figures(self.stack.run, None)

    def _events(self) -> list[dict[str, object]]:
        from devctl.record import store

        return list(store.events(self.stack.run))

    # Checks

    def _check(self, watcher: Watcher | None, began_ns: int) -> None:
        from devctl.smoke.plugin import SmokePlugin, Subject

        idle = Watcher(self.access)
        self.subject = Subject(
            self.stack, self.smoke, watcher or idle, {**os.environ, **self.loaded.environ}, self._steps,
            self.options.suites, began_ns,
            metrics_paths={n: s.metrics for n, s in self.loaded.spec.services.items() if s.metrics},
        )  # fmt: skip
        plugin = SmokePlugin(self.subject, self._add)
        if watcher:
            watcher.start()
        try:
            interrupted = run_pytest(plugin, self.access.paths.folder, self.smoke.tests, self.options.pytest_arguments)
        finally:
            (watcher or idle).stop()
        if interrupted:
            raise KeyboardInterrupt

    def _add(self, outcome: Outcome) -> None:
        """Keep and show an outcome, without the secrets that the checks used."""
        values = self.subject.seen.secrets if self.subject else set()
        for name in ("message", "text", "evidence"):
            setattr(outcome, name, secrets.hide(getattr(outcome, name), values))
        outcome.attempts = [secrets.hide(attempt, values) for attempt in outcome.attempts]
        self.report.outcomes.append(outcome)
        self.listener.show(outcome)

    # Down

    def finish(self, *, is_good: bool) -> bool:
        """Take the stack down unless it is borrowed or shall be kept; return whether it was left running."""
        self.stack.close()
        if self._guard is None:  # it is somebody else's, or nothing was begun
            return self.is_borrowed
        keep = self.options.keep or (self.options.keep_on_failure and not is_good)
        if not keep:
            self._down()
        self._guard.dismiss()
        return keep

    def _down(self) -> None:
        """Take everything down; at once on a further Ctrl-C."""
        for now in (False, True):
            client = self.access.client()
            if client is None:
                return
            try:
                client.down(volumes=self.options.isolated, now=now)
                return
            except KeyboardInterrupt:
                self.listener.say("Stopping at once.")
            finally:
                client.close()


class _Marking:
    """A display that also tells the guard which run began."""

    def __init__(self, display: Display, guard: guards.Guard | None) -> None:
        self._display = display
        self._guard = guard

    def __enter__(self) -> object:
        return self._display.__enter__()

    def __exit__(self, *error: object) -> None:
        self._display.__exit__(*error)  # type: ignore[arg-type]

    def item(self, item: Item) -> None:
        """Show an item; remember the run that it says began."""
        if "accepted" in item and self._guard is not None:
            self._guard.began(item["accepted"]["run"])
        self._display.item(item)

    def settled(self, settled: Settled) -> None:
        """Show the end."""
        self._display.settled(settled)

    def warning(self, text: str) -> None:
        """Show a warning."""
        self._display.warning(text)

    def downloads(self, programs: Sequence[object]) -> None:
        """Show downloads."""
        self._display.downloads(programs)  # type: ignore[arg-type]


CONFIGURATION = Path(__file__).parent / "pytest.ini"


def run_pytest(plugin: object, folder: Path, tests: str, arguments: Sequence[str]) -> bool:
    """Run pytest in this process with our items and the project's own; return whether it was interrupted.

    Its own report is left out unless it is asked for with `-v`: the outcomes are shown as they come. Plug-ins are
    those that are named, with `-p` among the arguments or in the folder's pytest.ini.
    """
    import pytest

    folder_of_tests = folder / tests
    with tempfile.TemporaryDirectory(prefix="devctl-smoke") as nothing:
        where = folder_of_tests if folder_of_tests.is_dir() else Path(nothing)
        settings = folder_of_tests / "pytest.ini"
        configuration = settings if settings.is_file() else CONFIGURATION
        quiet = [] if any(argument.startswith("-v") for argument in arguments) else ["-p", "no:terminal"]
        options = [
            "-c", str(configuration), "--rootdir", str(where), "--confcutdir", str(where), "-p", "no:cacheprovider",
            "-p", "no:randomly", "--import-mode=importlib", *quiet, *arguments, str(where),
        ]  # fmt: skip
        output = io.StringIO()
        os.environ.setdefault("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # seconds, where there are many of them
        with contextlib.redirect_stdout(output):
            code = pytest.main(options, plugins=[plugin])
    if getattr(plugin, "is_spread", False):
        raise not_spread()
    if code in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        raise UsageError(f"pytest could not run the checks (exit code {code:d})", next=output.getvalue()[-2_000:])
    return code == pytest.ExitCode.INTERRUPTED and not getattr(plugin, "is_lost", False)
