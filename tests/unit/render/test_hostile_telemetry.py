"""Names, attributes and lines from outside that attack the terminal: shown safely on every way out, whole in JSON."""

import io
import json
import math
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devctl.actions.access import Selection, StackAccess
from devctl.cli.commands import events as events_command
from devctl.cli.commands import map as map_command
from devctl.cli.context import Context
from devctl.queries import boards, journey, traces, waterfall
from devctl.queries import map as maps
from devctl.queries.events import Event
from devctl.queries.prometheus import Alert, Series
from devctl.record.lines import Line
from devctl.record.span_query import SpanQuery
from devctl.record.span_writer import SpanWriter
from devctl.record.spans import SpanReader
from devctl.render import alerts as drawn_alerts
from devctl.render import boards as drawn_boards
from devctl.render import journey as drawn_journey
from devctl.render import traces as drawn_traces
from devctl.render.terminal import Terminal
from tests.otlp import export

ATTACKS = {
    "csi": "a\x1b[2J\x1b[31mb",
    "title": "a\x1b]0;owned\x07b",
    "link": "a\x1b]8;;http://evil.example\x1b\\b\x1b]8;;\x1b\\",
    "clipboard": "a\x1b]52;c;ZXZpbA==\x07b",
    "dcs": "a\x1bP$q\x1b\\b",
    "c1": "a\x9b31mb\x9d0;x\x9c",
    "return": "good\rb\x08\x7f",
    "lines": "a\nb\r\nb\u2028c",
    "bidi": "a\u202eb\u2066c\u200b",
    "markup": "[/b] [/] [TODO] [link=file:///etc/passwd]b[/link]",
    "unfinished": "a\x1b]0;",
    "long": "ab" * 500_000,
    "nul": "a\x00b\ufffd",
    "mermaid": 'a"]; b-->>c #quot; <script>',
}


class Shown:
    """A record with one attack in every place, and every way it can be shown."""

    def __init__(self, folder: Path, attack: str) -> None:
        self.attack = attack
        caller = {"trace": b"t" * 16, "span": b"1" * 8, "name": attack, "error": True, "attributes": {attack: attack}}
        callee = {"trace": b"t" * 16, "span": b"2" * 8, "parent": b"1" * 8, "name": attack, "kind": 2}
        request = export(caller, service=attack)
        span = request.resource_spans[0].scope_spans[0].spans[0]
        span.status.message = attack
        event = span.events.add(name=attack, time_unix_nano=span.start_time_unix_nano)
        event.attributes.add(key=attack).value.string_value = attack
        writer = SpanWriter(folder / "record.db")
        writer.begin()
        writer.add(request.resource_spans)
        writer.add(export(callee, service=f"other {attack}").resource_spans)
        writer.commit()
        writer.close()
        self.reader = SpanReader(folder / "record.db")
        (self.trace,) = traces.find(self.reader, SpanQuery())
        self.edges = maps.edges(self.reader, 0, 1 << 62)
        self.out = io.StringIO()
        self.terminal = Terminal(self.out, io.StringIO(), {"COLUMNS": "100"})
        self.context = Context(StackAccess(Selection(), {}), self.terminal)

    def listing(self) -> list[str]:
        return drawn_traces.listing([self.trace], self.terminal)

    def waterfall(self) -> list[str]:
        line = Line(self.trace.start_ns, self.attack, "x.1", self.attack.replace("\n", "").encode())
        rows = waterfall.rows(self.trace.spans)
        return drawn_traces.waterfall(rows, [line], self.terminal, with_attributes=True)

    def journey(self) -> list[str]:
        entries = [journey.Entry(1, kind, self.attack, self.attack) for kind in journey.EntryKind]
        return drawn_journey.lines(self.attack, entries, self.terminal)

    def board(self) -> list[str]:
        series = Series({"job": self.attack}, [(1.0, 1.0), (2.0, math.nan)])
        panel = boards.Panel(self.attack, "timeseries", self.attack, "", "", ())
        board = boards.Board(self.attack, self.attack, (), {})
        head = drawn_boards.board_head(board, self.terminal)
        return [head, *drawn_boards.panel_lines(panel, [(self.attack, series)], self.terminal)]

    def map(self) -> list[str]:
        map_command._show(self.context, self.edges)
        return self.written()

    def alerts(self) -> list[str]:
        text = self.attack
        return drawn_alerts.listing(
            [Alert(text, "firing", text, text, {"a": text}, text, text, text, text)], self.context.terminal
        )

    def events(self) -> list[str]:
        event = Event(self.attack, 0, 0, 1, self.attack, self.attack, {"dlq_reason": self.attack}, self.attack)
        events_command._show(self.context, event, as_json=False)
        return self.written()

    def mermaid(self) -> list[str]:
        return traces.mermaid([self.trace]).split("\n")

    def map_mermaid(self) -> list[str]:
        return maps.mermaid(self.edges).split("\n")

    def map_dot(self) -> list[str]:
        return maps.dot(self.edges).split("\n")

    def written(self) -> list[str]:
        return self.out.getvalue().removesuffix("\n").split("\n")


@pytest.fixture(params=ATTACKS)
def shown(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shown]:
    shown = Shown(tmp_path, ATTACKS[request.param])
    yield shown
    shown.reader.close()


WAYS: list[Callable[[Shown], list[str]]] = [
    Shown.listing, Shown.waterfall, Shown.journey, Shown.board, Shown.map, Shown.alerts, Shown.events, Shown.mermaid,
    Shown.map_mermaid, Shown.map_dot,
]  # fmt: skip


def test_no_way_out_lets_a_control_or_bidi_character_through(shown: Shown) -> None:
    for way in WAYS:
        shown.out.truncate(0)
        shown.out.seek(0)
        for line in way(shown):
            unsafe = {character for character in line if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")}
            assert not unsafe, f"{way.__name__}: {line[:200]!r}"


def test_json_keeps_the_original_text_as_ascii(shown: Shown) -> None:
    summary = json.dumps(traces.summary(shown.trace))
    document = json.dumps(traces.otlp_json(shown.trace.spans))
    edge = json.dumps(maps.as_json(shown.edges[0]))
    entry = json.dumps(next(journey.as_json([journey.Entry(1, journey.EntryKind.LOG, shown.attack, shown.attack)])))
    assert all(text.isascii() and text.isprintable() for text in (summary, document, edge, entry))
    assert json.loads(summary)["root"] == json.loads(entry)["what"] == shown.attack
    assert json.loads(edge)["caller"] == shown.attack[:1000]  # so much of a service's name is kept to find it by
    span = json.loads(document)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert span["name"] == span["attributes"][0]["key"] == span["events"][0]["name"] == shown.attack
