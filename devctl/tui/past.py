"""A run that is over, as the terminal UI sees it: the same screens, read only."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from devctl.actions.recorded import RecordedSession
from devctl.errors import DevctlError
from devctl.record import store
from devctl.tui.stack import NoBroker, NoControl, NoMetrics, RunInfo, Sink
from devctl.tui.telemetry import RunTelemetry

if TYPE_CHECKING:
    from devctl.actions.access import StackAccess
    from devctl.diagnosis.views import WhyView
    from devctl.paths import StackPaths
    from devctl.record.store import Run
    from devctl.session.protocol import Item, StatusView
    from devctl.tui.stack import Broker, Control, Metrics, Telemetry

UNPACKED = "bundles"
"""The folder in the stack's state in which bundles are unpacked to be looked into."""
MOST_BUNDLES = 100
"""More archives in a folder are not looked through."""


class PastRun:
    """A run that is over, read only."""

    def __init__(self, access: StackAccess, run: Run) -> None:
        self._access, self._run = access, run
        paths = self._paths = access.paths
        self.name, self.folder, self.link = paths.project or paths.folder.name, str(paths.folder), "past"
        self.run_id = run.id
        self._end_ns = 0
        self.telemetry: Telemetry = RunTelemetry(run, self.now_ns, whole=True)
        self.control: Control = NoControl(self._whys)
        self.metrics: Metrics = NoMetrics()
        self.broker: Broker = NoBroker()

    def _whys(self) -> list[WhyView]:
        newest = store.current(self._paths)
        if newest is None or newest.id != self._run.id:
            return []
        return list(self._access.why(RecordedSession(self._paths)))

    def watch(self, sink: Sink, on_link: Callable[[str], None]) -> None:
        """Hand over how the run ended and what happened in it."""
        on_link(self.link)
        sink({"status": past_status(self._paths, self._run)})
        for event in store.events(self._run):
            sink({"event": event})

    def sample(self) -> Item | None:
        """Return nothing: it is over."""
        return None

    def now_ns(self) -> int:
        """Return when the run ended: its last line, else its last event."""
        if not self._end_ns:
            from devctl.queries.pages import Pager
            from devctl.record.logs import Query

            last_event = max((int(event.get("at_ns", 0)) for event in store.events(self._run)), default=0)
            self._end_ns = max(Pager(self._run, Query()).span()[1], last_event)
        return self._end_ns

    def runs(self) -> list[RunInfo]:
        """Return the runs that are kept, newest first."""
        return run_infos(self._paths, self.run_id)

    def open_run(self, run: RunInfo) -> PastRun:
        """Return another past run, or one that was packed."""
        return open_past(self._access, run)

    def close(self) -> None:
        """Nothing is held."""


def open_past(access: StackAccess, run: RunInfo) -> PastRun:
    """Return a past run; one that was packed is unpacked first, below the stack's state."""
    if not run.bundle:
        return PastRun(access, store.Run(access.paths.runs / run.id))
    from devctl.actions.access import Selection, StackAccess
    from devctl.record.bundle import open_bundle, unpack

    path = Path(run.bundle)
    folder = access.paths.state / UNPACKED / path.stem
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open_bundle(path) as archive:
        unpacked = unpack(archive, folder)
    beside = StackAccess(Selection(project_directory=str(folder)), access.environ)
    return PastRun(beside, store.Run(unpacked))


def run_infos(paths: StackPaths, current: str) -> list[RunInfo]:
    """Return the runs that are kept and the bundles beside the stack, newest first."""
    runs = [RunInfo(run.id, _began(run.id), store.size(run), run.id == current) for run in store.runs(paths)]
    return [*runs, *_bundles(paths)]


def _bundles(paths: StackPaths) -> list[RunInfo]:
    """Return the bundles in the folder of the stack, and those that `devctl smoke` left in its state."""
    files = [*paths.folder.glob("*.zip"), *paths.state.glob("*.zip"), *paths.state.glob("smoke*/**/*.zip")]
    infos = [info for file in files[:MOST_BUNDLES] if (info := _bundle(file))]
    return sorted(infos, key=lambda info: info.started, reverse=True)


def _bundle(file: Path) -> RunInfo | None:
    from devctl.record.bundle import open_bundle, run_id

    try:
        with open_bundle(file) as archive:
            packed = run_id(archive)
        return RunInfo(packed, _began(packed), file.stat().st_size, is_current=False, bundle=str(file))
    except (DevctlError, OSError):
        return None


def _began(run_id: str) -> float:
    import calendar

    try:
        return float(calendar.timegm(time.strptime(run_id[:15], "%Y%m%d-%H%M%S")))
    except ValueError:
        return 0.0


def past_status(paths: StackPaths, run: Run) -> StatusView:
    """Return how a run ended, from its events."""
    from devctl.core.state import State
    from devctl.core.transitions import apply
    from devctl.record import replay
    from devctl.views.snapshot import take_snapshot
    from devctl.views.status import status_view

    spec = replay.read_spec(run)
    if spec is None:
        return RecordedSession(paths).status()
    state = State()
    for event in replay.read_events(run):
        state = apply(state, event)
    return {**status_view(take_snapshot(spec, state), str(paths.folder)), "run": run.id}
