"""Progress drawn in place on a terminal: a row per service, a bar per download; gone when it ends.

rich is imported by the drawing thread, while the command waits for the supervisor anyway.
"""

from __future__ import annotations

import threading
import time

from devctl.core.status import GOOD, SETTLED, is_good
from devctl.render.progress import ForPeople, describe, stage
from devctl.render.status import STYLES
from devctl.render.terminal import Terminal
from devctl.text import clean, duration, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from rich.console import RenderableType
    from rich.table import Table

    from devctl.session.protocol import Item, ProgressView, ServiceView, Settled

FIRST_SECONDS = 0.15  # what is over sooner needs no drawing
EVERY_SECONDS = 0.1
GONE = frozenset({"stopped", "completed", "failed", "unavailable", "pending", "blocked"})
SIGNS = {"healthy": "✔", "running": "✔", "completed": "✔", "failed": "✘", "unavailable": "✘", "unhealthy": "✘"}


class Live(ForPeople):
    """Keeps the newest view of every service and draws all of them ten times a second."""

    def __init__(self, terminal: Terminal, *, stopping: bool = False) -> None:
        super().__init__(terminal)
        self._goal = ("stopped", GONE) if stopping else ("ready", GOOD)
        self._services: dict[str, ServiceView] = {}
        self._since: dict[str, float] = {}
        self._downloads: dict[str, ProgressView] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def item(self, item: Item) -> None:
        """Record what changed; the next drawing shows it."""
        if "accepted" in item:
            self.accepted(item["accepted"])
        with self._lock:
            for view in item.get("services", ()):
                self._record(view)
            if "progress" in item:
                self._downloads[item["progress"]["tool"]] = item["progress"]
            if "status" in item:
                for view in item["status"]["services"]:
                    self._record(view)

    def settled(self, settled: Settled) -> None:
        """Nothing to add: the summary follows below."""

    def _record(self, view: ServiceView) -> None:
        previous = self._services.get(view["name"])
        if previous is None or previous["status"] != view["status"]:
            self._since[view["name"]] = time.monotonic()
        self._services[view["name"]] = view

    def _draw(self) -> None:
        if self._over.wait(FIRST_SECONDS):
            return
        from rich.console import Console
        from rich.live import Live as Drawing

        console = Console(stderr=True, no_color=not self._terminal.colour(self._terminal.err), highlight=False)
        with Drawing(console=console, auto_refresh=False, transient=True, vertical_overflow="ellipsis") as drawing:
            while not self._over.wait(EVERY_SECONDS):
                drawing.update(self.frame(console.height), refresh=True)

    def frame(self, height: int) -> RenderableType:
        """Return what is drawn now in at most about `height` lines."""
        from rich.table import Table
        from rich.text import Text

        with self._lock:
            views = list(self._services.values())
            downloads = [p for p in self._downloads.values() if p["stage"] not in ("done", "ready")]
        grid = Table.grid(padding=(0, 2))
        label, reached = self._goal
        count = sum(view["status"] in reached or is_good(view["status"], view["reason"]) for view in views)
        elapsed = duration(time.monotonic() - self._began)
        grid.add_row("", Text(f"{count} of {len(views)} {label}", style="bold"), "", Text(elapsed, style="dim"))
        room = max(height - 3 - len(downloads), 3)
        waiting = [view for view in views if view["status"] not in SETTLED]
        ready = [view for view in views if view["status"] in SETTLED]
        shown = waiting[:room] + (ready[-(room - len(waiting)) :] if len(waiting) < room else [])
        for view in [view for view in views if view in shown]:
            self._row(grid, view)
        for progress in downloads:
            self._bar(grid, progress)
        return grid

    def _row(self, grid: Table, view: ServiceView) -> None:
        from rich.text import Text

        status = view["status"]
        style = STYLES[status]
        seconds = "" if status in SETTLED else duration(time.monotonic() - self._since[view["name"]])
        grid.add_row(
            Text(SIGNS.get(status, "·"), style=style),
            Text(clean(view["name"])),
            Text(describe(view), style=style),
            Text(seconds, style="dim"),
        )

    def _bar(self, grid: Table, progress: ProgressView) -> None:
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        done, total = progress["bytes"], progress["total"]
        figures = f"{size(done)} of {size(total)}" if total else size(done)
        bar = ProgressBar(total=total or None, completed=done, width=30, pulse=not total)
        grid.add_row(Text("↓", style="cyan"), Text(clean(progress["tool"])), Text(stage(progress)), Text(figures))
        grid.add_row("", "", bar, "")
