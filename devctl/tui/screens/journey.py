"""Journey: what happened to one order (or what else the manifest calls a journey) across calls, events, databases and
logs. Without one, those that were mentioned lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devctl.text import count, duration
from devctl.tui import messages
from devctl.tui.cells import Cell, Cells, safe
from devctl.tui.screens.log_rows import tint
from devctl.tui.screens.view import Choice, View
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.queries.journey import Entry

_SIGNS = {"request": "→", "call": "↗", "published": "⇢", "consumed": "⇠", "database": "▤", "log": "≡"}


class JourneyView(View):
    """A list of entities, or the entries of one of them."""

    NAME = "journey"
    TITLE = "Journey"
    EMPTY = "no order was mentioned lately; `J` on a line or a span of one comes here"
    ACTIONS = frozenset({"logs", "traces", "json", "zoom", "details", "why"})

    def __init__(self) -> None:
        super().__init__()
        self._entity = ""
        self._entities: list[str] = []
        self._entries: list[Entry] = []

    def enter(self, arguments: Mapping[str, Any]) -> None:
        """Show the journey of `entity`; without one, which there are."""
        self._entity = str(arguments.get("entity", self._entity))
        self.reload()

    def reload(self) -> None:
        """Read again."""
        telemetry, entity = self.devctl.stack.telemetry, self._entity
        if entity:
            self.load(lambda: telemetry.journey(entity), self._take_entries)
        else:
            self.load(telemetry.entities, self._take_entities)

    def _take_entries(self, entries: list[Entry]) -> None:
        self._entries = entries
        self.lines.empty = ((f"no span and no line of this run knows {safe(self._entity)}", "warn"),)
        self.update()
        self.lines.go(0)

    def _take_entities(self, entities: list[str]) -> None:
        self._entities = entities
        self.update()

    def rows(self) -> Sequence[Row]:
        if not self._entity:
            return [Row(("entity", name), ((safe(name), ""),), name) for name in self._entities]
        rows: list[Row] = []
        previous = self._entries[0].time_ns if self._entries else 0
        for number, entry in enumerate(self._entries):
            rows.append(Row(("entry", number, entry.time_ns), self._cells(entry, previous), entry))
            previous = entry.time_ns
        return rows

    def _cells(self, entry: Entry, previous: int) -> Cells:
        style = "bad" if entry.is_error else ""
        after = f"+{duration((entry.time_ns - previous) / 1e9)}" if entry.time_ns > previous else ""
        cells: list[Cell] = [
            (f"{self.devctl.clock(entry.time_ns)} ", "dim"), (f"{after:>9} ", "dim"),
            (f"{_SIGNS.get(entry.kind.value, '·')} ", "accent"), (f"{safe(entry.service)} ", tint(entry.service)),
            (safe(entry.what, 500), style or ("dim" if entry.kind.value == "log" else "")),
        ]  # fmt: skip
        if entry.duration_ns:
            cells.append((f"  {duration(entry.duration_ns / 1e9)}", "dim"))
        return tuple(cells)

    def title(self) -> tuple[Cells, Cells]:
        if not self._entity:
            return (("Journey ", "title"), ("mentioned lately, the newest first", "dim")), ()
        return (("Journey ", "title"), (safe(self._entity, 60), "accent")), (
            (count(len(self._entries), "entry", "entries"), "dim"),
        )

    def opened(self, row: Row) -> None:
        if not self._entity:
            self.devctl.go("journey", entity=row.data)
        elif row.data.trace_id:
            self.devctl.panes.go_side("trace", trace_id=row.data.trace_id)

    def on_cursor_moved(self, message: messages.CursorMoved) -> None:
        beside = self.devctl.panes.views.get("trace")
        row = self.lines.current
        if self._entity and beside and beside.display and row and row.data.trace_id:
            beside.enter({"trace_id": row.data.trace_id})

    def step_back(self) -> bool:
        if not self._entity:
            return False
        self.devctl.go("journey", entity="")
        return True

    def act(self, name: str) -> bool:
        row = self.lines.current
        if name == "logs" and self._entity and row and row.data.trace_id:
            self.devctl.go("logs", trace_id=row.data.trace_id, at_ns=row.data.time_ns)
        elif name == "logs" and (self._entity or row):
            self.devctl.go("logs", filter=self._entity or (row.data if row else ""))
        elif name == "traces" and self._entity and row and row.data.trace_id:
            self.devctl.panes.go_side("trace", trace_id=row.data.trace_id)
        else:
            return False
        return True

    def entity(self) -> str:
        """Return the entity that is shown, or under the cursor."""
        return self._entity or (self.lines.current.data if self.lines.current else "")

    def as_json(self, row: Row) -> Any:
        from devctl.queries.journey import as_json

        return next(iter(as_json([row.data]))) if self._entity else row.data

    def choices(self) -> list[Choice]:
        row = self.lines.current
        trace = [("trace id", row.data.trace_id)] if self._entity and row and row.data.trace_id else []
        return [("id", self.entity()), *trace]

    def services(self) -> list[str]:
        return [row.data.service for row in self.lines.chosen()] if self._entity else []

    def command(self) -> str:
        return f"devctl journey {self.entity()}"
