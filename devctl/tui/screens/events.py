"""Events: the topics of the broker with how far groups are behind, the last messages of one, and dead letters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devctl.text import count
from devctl.tui.cells import Cell, Cells, fit, safe, width
from devctl.tui.screens.traces import bar
from devctl.tui.screens.view import Choice, View
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.queries.events import Event, Lag, Topic

PEEKED = 50
TICKS = 5
DEAD = "(dead letters)"


class Events(View):
    """Topics; Enter looks into one, without committing anything."""

    NAME = "events"
    TITLE = "Events"
    EMPTY = "no topics yet"
    ACTIONS = frozenset({"logs", "json", "journey", "replay", "zoom", "why"})

    def __init__(self) -> None:
        super().__init__()
        self._topic = ""
        self._topics: list[Topic] = []
        self._lags: list[Lag] = []
        self._messages: list[Event] = []
        self._ticks = 0

    def enter(self, arguments: Mapping[str, Any]) -> None:
        """Show the messages of `topic`; without one, the topics."""
        self._topic = str(arguments.get("topic", ""))
        self.reload()

    def reload(self) -> None:
        """Ask the broker."""
        broker, topic = self.devctl.stack.broker, self._topic
        if not topic:
            self.load(lambda: (broker.topics(), broker.lags()), lambda answer: self._take_topics(*answer))
        elif topic == DEAD:
            self.load(broker.dead, self._take_messages)
        else:
            self.load(lambda: broker.last(topic, PEEKED), self._take_messages)

    def _take_topics(self, topics: list[Topic], lags: list[Lag]) -> None:
        self._topics, self._lags = topics, lags
        self.update()

    def _take_messages(self, messages: list[Event]) -> None:
        self._messages = messages
        self.lines.empty = (("no message here", "dim"),)
        self.update()

    def tick(self) -> None:
        """Ask again every few seconds while topics are shown."""
        self._ticks += 1
        if self._ticks % TICKS == 0 and not self.is_loading and not self._topic and self._topics:
            self.reload()

    def title(self) -> tuple[Cells, Cells]:
        if self._topic:
            return (("Events ", "title"), (safe(self._topic), "accent")), (
                (count(len(self._messages), "message"), "dim"),
            )
        return (("Events", "title"),), (("topic · messages · behind", "dim"),)

    def rows(self) -> Sequence[Row]:
        if self._topic:
            return [Row((e.topic, e.partition, e.offset), self._message_cells(e), e) for e in self._messages]
        room = min(max((width(safe(topic.name)) for topic in self._topics), default=8), 40)
        most = max((topic.messages for topic in self._topics), default=1) or 1
        rows = [self._topic_row(topic, room, most) for topic in self._topics]
        dead = sum(topic.messages for topic in self._topics if topic.name.endswith(".dlq"))
        if dead:
            rows.append(
                Row(("dead",), ((f"✗ {count(dead, 'dead letter')}", "bad"), ("  Enter shows them", "dim")), DEAD)
            )
        return rows

    def _topic_row(self, topic: Topic, room: int, most: int) -> Row:
        is_dead = topic.name.endswith(".dlq")
        cells: list[Cell] = [
            (fit(safe(topic.name), room) + " ", "bad" if is_dead and topic.messages else ""),
            (f"{topic.partitions:>3}p ", "dim"), (f"{topic.messages:>9} ", ""),
            (f"{bar(topic.messages / most, 8) if topic.messages else '':<8} ", "spark"),
        ]  # fmt: skip
        for lag in self._lags:
            if lag.topic == topic.name:
                cells.append((f" {safe(lag.group)} ", "dim"))
                cells.append((f"{lag.lag} behind" if lag.lag else "✓", "warn" if lag.lag else "good"))
        return Row(("topic", topic.name), tuple(cells), topic.name)

    def _message_cells(self, event: Event) -> Cells:
        value = event.value if isinstance(event.value, str) else json.dumps(event.value, ensure_ascii=False)
        reason = event.headers.get("dlq_reason") or event.headers.get("dlq_error", "") if event.is_dead else ""
        cells: list[Cell] = [
            (f"{self.devctl.clock(event.time_ns)} ", "dim"), (f"{event.partition}@{event.offset} ", "dim"),
            (f"{safe(reason, 300)} " if reason else "", "bad"), (f"{safe(event.type or '?')} ", "accent"),
            (f"{safe(event.key, 60)} ", "strong"),
        ]  # fmt: skip
        return (*cells, (safe(value, 2000), "dim"))

    def opened(self, row: Row) -> None:
        if self._topic:
            self.devctl.verbs.looking.view_json(row.data.topic, self.as_json(row))
        else:
            self.devctl.go("events", topic=row.data)

    def step_back(self) -> bool:
        if not self._topic:
            return False
        self.devctl.go("events")
        return True

    def act(self, name: str) -> bool:
        if name == "replay":
            self._replay()
        elif name == "logs" and self._topic and self.lines.current:
            event = self.lines.current.data
            self.devctl.go("logs", filter=event.key, at_ns=event.time_ns)
        else:
            return False
        return True

    def _replay(self) -> None:
        letters = [row.data for row in self.lines.chosen() if self._topic and row.data.is_dead]
        if not letters:
            self.devctl.notice("No dead letter here: Enter on the last row of the topics shows them.")
            return
        what = count(len(letters), "dead letter")

        def send() -> str:
            taken = self.devctl.stack.broker.replay(letters)
            return f"Sent {count(taken, 'dead letter')} again."

        changing = self.devctl.verbs.changing
        question = f"Send {what} to where they came from?"
        changing.confirm(question, "Yes, send", lambda: changing.run(f"Sending {what}", send))

    def entity(self) -> str:
        """Return the key of the message under the cursor."""
        return self.lines.current.data.key if self._topic and self.lines.current else ""

    def as_json(self, row: Row) -> Any:
        if not self._topic:
            return row.data
        event = row.data
        return {"topic": event.topic, "partition": event.partition, "offset": event.offset, "key": event.key,
                "type": event.type, "headers": dict(event.headers), "value": event.value}  # fmt: skip

    def choices(self) -> list[Choice]:
        row = self.lines.current
        if row is None:
            return []
        if not self._topic:
            return [("topic", row.data)]
        return [("key", row.data.key), ("value", json.dumps(row.data.value, ensure_ascii=False)),
                ("id", row.data.headers.get("ce_id", ""))]  # fmt: skip

    def command(self) -> str:
        return "devctl events --dead" if self._topic == DEAD else f"devctl events {self._topic}".strip()
