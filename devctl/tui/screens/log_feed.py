"""The thread that reads log lines for the log view, so that the screen never waits for a disk.

It is told what to show (a filter, a page before or after, follow) and answers with pages; while it follows it hands
over what was written, at most twenty times a second, and of a flood only what can be looked at.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devctl.queries.pages import END, Anchor, PageLine
from devctl.record.logs import Query

if TYPE_CHECKING:
    from devctl.queries.pages import Pager
    from devctl.tui.stack import Stack, Telemetry

PAGE = 400
WINDOW = 4_000
"""So many lines are kept for scrolling without reading again; the record has all of them."""
MOST_FRESH = 500
PAINT_SECONDS = 0.05
"""At most twenty times a second something is handed over."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the feed hands over. `kind`: page (a first one), before, after, fresh, searching, failed."""

    kind: str
    ticket: int
    lines: list[PageLine]
    at_begin: bool = False
    at_end: bool = False
    skipped: int = 0
    done: float = 1.0
    span: tuple[int, int] = (0, 0)


class LogFeed:
    """Reads for one view. `tell` is called in its thread."""

    def __init__(self, stack: Stack, tell: Callable[[Told], None]) -> None:
        self._stack, self._tell = stack, tell
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopped = False
        self._ticket = 0
        self._query = Query()
        self._telemetry: Telemetry = stack.telemetry
        self._pager: Pager = stack.telemetry.pager(self._query)
        self._positions: dict[str, int] = {}
        self._shown = False  # nothing is new before something was shown
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, soon."""
        self._stopped = True
        self._orders.put(lambda: None)

    # Orders, from the view's thread

    def show(self, query: Query, anchor: Anchor, *, follow: bool) -> int:
        """Show the lines around an anchor; return the ticket of the answers."""
        self._ticket += 1
        ticket = self._ticket
        self._orders.put(lambda: self._show(ticket, query, anchor, follow=follow))
        return ticket

    def more(self, anchor: Anchor, *, before: bool) -> None:
        """Read on from an anchor."""
        ticket = self._ticket
        self._orders.put(lambda: self._more(ticket, anchor, before=before))

    def follow(self) -> int:
        """Go on with what is new, from now on."""
        return self.show(self._query, END, follow=True)

    # The thread

    def _run(self) -> None:
        rest = 0.0
        while not self._stopped:
            self._take_orders(rest)
            began = time.monotonic()
            if self._telemetry is not self._stack.telemetry:
                self._change_run()
            if self._shown:
                self._hand_over_fresh()
            took = time.monotonic() - began
            rest = max(PAINT_SECONDS - took, took)  # of a flood: half of the time is the screen's
            self._telemetry.log_changes(lambda: self._stopped or not self._orders.empty())

    def _take_orders(self, seconds: float) -> None:
        """Do what was asked for; where nothing was, wait so long for it."""
        while not self._stopped:
            try:
                order = self._orders.get(timeout=seconds)
            except queue.Empty:
                return
            order()
            seconds = 0.0

    def _change_run(self) -> None:
        """Read the stack's new run, from its beginning."""
        self._telemetry = self._stack.telemetry
        self._pager = self._telemetry.pager(self._query)
        self._positions = {}

    def _show(self, ticket: int, query: Query, anchor: Anchor, *, follow: bool) -> None:
        if ticket != self._ticket:
            return  # something else was asked for meanwhile
        self._query = query
        self._pager = self._telemetry.pager(query)
        self._positions = self._pager.ends()
        self._shown = True
        earlier = self._search(ticket, anchor, before=True)
        later = [] if follow or anchor == END else self._search(ticket, anchor, before=False, earlier=earlier or ())
        if earlier is None or later is None:
            return
        at_end = anchor == END or len(later) < PAGE
        self._tell(Told("page", ticket, [*earlier, *later], len(earlier) < PAGE, at_end, span=self._pager.span()))

    def _search(
        self, ticket: int, anchor: Anchor, *, before: bool, earlier: Sequence[PageLine] = ()
    ) -> list[PageLine] | None:
        """Return a page in one direction, handing over hits (after `earlier` ones) and progress on the way; None when
        it is overtaken."""
        lines: list[PageLine] = []
        told_at = time.monotonic()
        for part in self._pager.backward(anchor) if before else self._pager.forward(anchor):
            if self._stopped or ticket != self._ticket:
                return None
            lines = [*part.lines, *lines] if before else [*lines, *part.lines]
            if len(lines) >= PAGE:
                return lines[-PAGE:] if before else lines[:PAGE]
            if time.monotonic() - told_at > PAINT_SECONDS * 2:
                told_at = time.monotonic()
                self._tell(Told("searching", ticket, [*earlier, *lines], done=part.done, span=self._pager.span()))
        return lines

    def _more(self, ticket: int, anchor: Anchor, *, before: bool) -> None:
        if ticket != self._ticket:
            return
        self._pager.refresh()
        lines = self._search(ticket, anchor, before=before)
        if lines is not None:
            is_last = len(lines) < PAGE
            kind = "before" if before else "after"
            self._tell(Told(kind, ticket, lines, before and is_last, is_last and not before, span=self._pager.span()))

    def _hand_over_fresh(self) -> None:
        lines, skipped = self._pager.fresh(self._positions, MOST_FRESH)
        if lines:
            self._tell(Told("fresh", self._ticket, lines, at_end=True, skipped=skipped, span=self._pager.span()))
