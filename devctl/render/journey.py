"""A journey on a terminal: one line for each thing that happened, with the time since the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from devctl import text
from devctl.queries.journey import Entry, EntryKind
from devctl.render.table import cut, width
from devctl.render.traces import clock, short

if TYPE_CHECKING:
    from devctl.render.terminal import Terminal

_MARKS = {
    EntryKind.REQUEST: ("▶", "cyan"),
    EntryKind.CALL: ("→", "cyan"),
    EntryKind.PUBLISHED: ("⇢", "magenta"),
    EntryKind.CONSUMED: ("⇠", "magenta"),
    EntryKind.DATABASE: ("▤", "blue"),
    EntryKind.LOG: ("·", "dim"),
}
_LONG_PAUSE_SECONDS = 1.0
_LONGEST_TEXT = 500


def lines(entity: str, entries: Sequence[Entry], terminal: Terminal) -> list[str]:
    """Return the lines of a journey: head, then one each; never empty."""
    first, last = entries[0].time_ns, max(entry.time_ns + entry.duration_ns for entry in entries)
    services = len({entry.service for entry in entries})
    traces = len({entry.trace_id for entry in entries if entry.trace_id})
    head = (
        f"{text.clean(entity)} · {text.duration((last - first) / 1e9)} · {text.count(services, 'service')}"
        f" · {text.count(traces, 'trace')}"
    )
    column = min(max(width(short(entry.service)) for entry in entries), 40)
    shown = [terminal.paint(head, "bold")]
    previous = first
    for entry in entries:
        shown.append(_line(entry, previous, column, terminal))
        previous = entry.time_ns
    return shown


def _line(entry: Entry, previous: int, column: int, terminal: Terminal) -> str:
    mark, style = _MARKS[entry.kind]
    pause = (entry.time_ns - previous) / 1e9
    after = f"+{text.duration(pause)}" if pause >= 0.0005 else ""
    after = terminal.paint(f"{after:>9}", "yellow" if pause >= _LONG_PAUSE_SECONDS else "dim")
    took = f"  ({text.duration(entry.duration_ns / 1e9)})" if entry.duration_ns else ""
    room = max(terminal.width - column - 40 - len(took), 20) if terminal.is_terminal else _LONGEST_TEXT
    what = short(entry.what, min(room, _LONGEST_TEXT))
    painted = terminal.paint(what, "red") if entry.is_error else what
    name = cut(short(entry.service), column)
    name += " " * (column - width(name))
    kind = terminal.paint(f"{mark} {entry.kind.value:<9}", style)
    return f"{clock(entry.time_ns)} {after}  {name}  {kind}  {painted}{terminal.paint(took, 'dim')}"
