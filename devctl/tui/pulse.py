"""What keeps the screen true: the stream of the session, and figures asked for once a second, in threads.

Whatever comes is gathered and handed to the app at most twenty times a second; when nothing comes, nothing happens.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from devctl.errors import DevctlError
from devctl.tui.log_signs import LogSigns, Signs

if TYPE_CHECKING:
    from devctl.diagnosis.views import WhyView
    from devctl.session.protocol import Item
    from devctl.tui.stack import Stack

PAINT_SECONDS = 0.05
SAMPLE_SECONDS = 1.0
WHY_SECONDS, CALM_WHY_SECONDS = 2.0, 20.0
"""Explanations are asked for this often while something is not healthy, and while all is well."""
ALERT_SECONDS = 15.0


@dataclass(slots=True)
class Beat:
    """What came since the last one."""

    items: list[Item] = field(default_factory=list)
    link: str = ""
    loads: Any = None
    alerts: Any = None
    whys: list[WhyView] | None = None
    signs: Signs | None = None


class Pulse:
    """Threads around one stack. `post` calls a function in the app's thread."""

    def __init__(self, stack: Stack, post: Callable[..., Any], take: Callable[[Beat], None]) -> None:
        self._stack, self._post, self._take = stack, post, take
        self._items: deque[Item] = deque()
        self._beat = Beat()
        self._lock = threading.Lock()
        self._is_posted = False
        self._posted_at = 0.0
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._answers: dict[str, Any] = {}
        self.is_calm: Callable[[], bool] = lambda: True

    def start(self) -> None:
        """Begin to listen and to ask."""
        self._stack.watch(self._on_item, self._on_link)
        threading.Thread(target=self._sample, name="sample", daemon=True).start()

    def stop(self) -> None:
        """End, soon."""
        self._stop.set()
        self._wake.set()

    def hurry(self) -> None:
        """Ask for everything now."""
        self._wake.set()

    def _on_item(self, item: Item) -> None:
        if self._stop.is_set():
            return  # another stack is shown
        with self._lock:
            self._items.append(item)
        self._tell()

    def _on_link(self, link: str) -> None:
        if self._stop.is_set():
            return
        with self._lock:
            self._beat.link = link
        self._tell()
        self._wake.set()

    def _tell(self) -> None:
        with self._lock:
            if self._is_posted:
                return
            self._is_posted = True
        rest = self._posted_at + PAINT_SECONDS - time.monotonic()
        if rest <= 0:
            self._post(self._hand_over)
        else:
            timer = threading.Timer(rest, self._post, (self._hand_over,))
            timer.daemon = True
            timer.start()

    def _hand_over(self) -> None:
        """Hand over what came. In the app's thread."""
        with self._lock:
            beat, self._beat = self._beat, Beat()
            beat.items = list(self._items)
            self._items.clear()
            self._is_posted = False
            self._posted_at = time.monotonic()
        self._take(beat)

    def _sample(self) -> None:
        why_at = alerts_at = 0.0
        log_signs = LogSigns(self._stack)
        while not self._stop.is_set():
            now = time.monotonic()
            if item := self._stack.sample():
                self._on_item(item)
            self._ask("loads", self._stack.telemetry.loads)
            self._ask("signs", log_signs.fresh)
            if now >= why_at or self._wake.is_set():
                self._ask("whys", self._stack.control.why)
                why_at = now + (CALM_WHY_SECONDS if self.is_calm() else WHY_SECONDS)
            if now >= alerts_at and self._stack.link == "live":
                self._ask("alerts", self._stack.metrics.alerts)
                alerts_at = now + ALERT_SECONDS
            self._wake.clear()
            self._wake.wait(SAMPLE_SECONDS)

    def _ask(self, name: str, question: Callable[[], Any]) -> None:
        if self._stop.is_set():
            return
        try:
            answer = question()
        except (DevctlError, OSError, ValueError):
            return  # the link tells of it
        if answer == self._answers.get(name, {}):
            return  # nothing new, nothing to draw
        self._answers[name] = {} if name == "signs" else answer
        with self._lock:
            setattr(self._beat, name, answer)
        self._tell()
