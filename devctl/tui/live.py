"""A stack that runs (or ran, or will), as the terminal UI sees it: through its session, its record and `queries`.

The session's client serves one call at a time, so each thread has a connection of its own. When the supervisor dies
or the stack is taken down, the link says so and the watch goes on looking for it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from devctl.errors import DevctlError
from devctl.record import store
from devctl.tui.past import PastRun, open_past, run_infos
from devctl.tui.requests import LiveBroker, LiveControl, LiveMetrics
from devctl.tui.telemetry import RunTelemetry

if TYPE_CHECKING:
    from devctl.actions.access import StackAccess
    from devctl.record.store import Run
    from devctl.session.client import Client
    from devctl.session.protocol import Item
    from devctl.tui.stack import Broker, Control, Metrics, RunInfo, Sink, Telemetry

LOOK_AGAIN_SECONDS = 0.5
"""A stack that is gone is looked for so often."""

EARLIER_EVENTS = 200
"""So many events from before are shown: more than any screen holds."""


class LiveStack:
    """The stack of one folder. Starts nothing by itself, and leaves everything as it is."""

    def __init__(self, access: StackAccess) -> None:
        self._access = access
        paths = self._paths = access.paths
        self.name = paths.project or paths.folder.name
        self.folder = str(paths.folder)
        self.link = "connecting"
        self._stop = threading.Event()
        self._sampler: Client | None = None
        self._is_silent = False  # there is a supervisor, and it does not answer
        self._sink: Sink | None = None
        self._on_link: Callable[[str], None] | None = None
        self._told_run = ""
        self._watcher: threading.Thread | None = None
        run = store.current(paths)
        self.run_id = run.id if run else ""
        self.telemetry: Telemetry = _telemetry(run or store.Run(paths.runs / "none"))
        self.control: Control = LiveControl(access)
        self.metrics: Metrics = LiveMetrics(access)
        self.broker: Broker = LiveBroker(access)

    def watch(self, sink: Sink, on_link: Callable[[str], None]) -> None:
        """Hand every change to `sink`, and go on when the supervisor or the stack went and came again."""
        self._told_run = ""
        self._sink, self._on_link = sink, on_link
        self.link = "connecting" if self.link == "gone" else self.link
        self._watcher = threading.Thread(target=self._watch, args=(sink, on_link), name="watch", daemon=True)
        self._watcher.start()

    def _is_over(self) -> bool:
        """Tell whether this thread watches no more: the stack is closed, or another one took over."""
        return self._stop.is_set() or threading.current_thread() is not self._watcher

    def _watch(self, sink: Sink, on_link: Callable[[str], None]) -> None:
        while not self._is_over():
            try:
                self._watch_once(sink, on_link)
            except (DevctlError, OSError, ValueError):
                self._tell(on_link, "lost")
            if self._stop.wait(LOOK_AGAIN_SECONDS):
                return

    def _watch_once(self, sink: Sink, on_link: Callable[[str], None]) -> None:
        client = self._access.client()
        if client is None:
            if self.link != "gone":
                sink({"status": self._access.session().status()})
                self._tell(on_link, "gone")
            return
        with contextlib.closing(client):
            self._tell_earlier(sink, client.hello()["run"])
            for item in client.watch():
                self._take_up(item)
                sink(item)
                self._tell(on_link, "live")
                if self._is_over():
                    return
        self._tell(on_link, "lost")

    def _tell_earlier(self, sink: Sink, run_id: str) -> None:
        """Hand over the last events from before this was watched, once for each run."""
        if run_id and run_id != self._told_run:
            self._told_run = run_id
            for event in deque(store.events(store.Run(self._paths.runs / run_id)), maxlen=EARLIER_EVENTS):
                sink({"event": event})

    def _take_up(self, item: Item) -> None:
        """Read another run from here on when the stack began one."""
        run_id = item["status"]["run"] if "status" in item else str(item.get("event", {}).get("run", ""))
        if run_id and run_id != self.run_id:
            self.run_id = run_id
            self.telemetry = _telemetry(store.Run(self._paths.runs / run_id))

    def _tell(self, on_link: Callable[[str], None], link: str) -> None:
        if self.link != link:
            self.link = link
            on_link(link)

    def sample(self) -> Item | None:
        """Return the status with its figures as they are now."""
        if self.link != "live" and not self._is_silent:
            return None
        try:
            if self._sampler is None:
                self._sampler = self._access.client()
            item: Item | None = {"status": self._sampler.status()} if self._sampler else None
        except (DevctlError, OSError, ValueError) as error:
            self._sampler = None
            self._fell_silent(error)
            return None
        if self._is_silent:
            self._is_silent = False
            if item and self._on_link:
                self._tell(self._on_link, "live")
        return item

    def _fell_silent(self, error: Exception) -> None:
        """Say that the supervisor does not answer, and why where that is known."""
        if self.link == "live" and self._sink and self._on_link:
            self._is_silent = True
            if isinstance(error, DevctlError):
                self._sink({"notice": f"{error.what}. {error.next}".strip()})
            self._tell(self._on_link, "lost")

    def now_ns(self) -> int:
        """Return the time."""
        return time.time_ns()

    def runs(self) -> list[RunInfo]:
        """Return the runs that are kept, newest first."""
        return run_infos(self._paths, self.run_id)

    def open_run(self, run: RunInfo) -> PastRun:
        """Return a past run, or one that was packed."""
        return open_past(self._access, run)

    def close(self) -> None:
        """End the threads; the stack goes on. The connections end with them: closing one here would wait for whoever
        reads it."""
        self._stop.set()


def _telemetry(run: Run) -> RunTelemetry:
    return RunTelemetry(run, time.time_ns, whole=False)
