"""The life of a smoke run: up, healthy, checked, reported, down; whatever happens, nothing is left behind."""

from __future__ import annotations

import _thread
import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from devctl.actions import up
from devctl.actions.failures import StartFailed
from devctl.errors import DevctlError, UsageError
from devctl.record import secrets
from devctl.smoke import guard as guards
from devctl.smoke import start
from devctl.smoke.collect import check_suites, not_spread, run_pytest
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
        check_suites(self.smoke, options.suites)
        self.report = Report(self.loaded.spec.name)
        self.is_borrowed = False
        self.stack = RunningStack(self.access)
        self.subject: Subject | None = None
        self._guard: guards.Guard | None = None
        self._lock: guards.RunLock | None = None
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
        if self.subject is None:
            self._add_unfinished_start()
        if not self._is_late:
            self.report.interrupted = True
            return
        message = f"not done after {duration(self._limit)}"
        self._add(Outcome("health", "the run ends in time", FAILED, message=message))

    def _add_unfinished_start(self) -> None:
        """Add how far the start had come."""
        with contextlib.suppress(DevctlError, OSError):
            status = self.stack.status()
            self.report.run = status["run"]
            for outcome in start.outcomes(status, self._events(), (), is_given_up=True):
                self._add(outcome)

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
        lock = guards.RunLock(self.access.paths)
        try:
            if guards.clear_remains(self.access):
                self.listener.say("An earlier smoke run was killed; its stack was taken down.")
            self.is_borrowed = self._borrows()
        except BaseException:
            lock.release()
            raise
        if self.is_borrowed:
            lock.release()
        else:
            self._lock = lock

    def _borrows(self) -> bool:
        """Return whether a running stack is used, False when none runs."""
        client = self.access.client()
        if client is None:
            return False
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
            return True
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
        threading.Thread(target=_load, name="smoke-loader", daemon=True).start()
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
        self._add_unchosen_failures()
        if interrupted:
            raise KeyboardInterrupt
        if not self.report.outcomes:
            raise UsageError("no item matches", next="Names are those of the report; without `-k` all are run.")

    def _add_unchosen_failures(self) -> None:
        """Add what failed of the start though `-k` chose other items: these could not even be tried."""
        if not self.report.failed:
            for outcome in self._steps:
                if outcome.is_bad:
                    self._add(outcome)

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
        keep = self.is_borrowed
        if self._guard is not None:  # else it is somebody else's, or nothing was begun
            keep = self.options.keep or (self.options.keep_on_failure and not is_good)
            if not keep:
                self._down()
            self._guard.dismiss()
        if self._lock is not None:
            self._lock.release()
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


def _load() -> None:
    """Import what the checks need while the stack starts; whatever fails shows where it is needed."""
    from devctl.smoke import client

    with contextlib.suppress(Exception):
        client.load()


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
