"""What stands out of calls between services, from spans made by hand."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from devctl.diagnosis.requests import Requests, topic_of, unconsumed
from devctl.diagnosis.traffic import CLIENT, CONSUMER, PRODUCER, SERVER, Stretch, Traffic
from devctl.record.span_window import SpanRow

MS = 1_000_000
_numbers = itertools.count(1)


class Spans(Traffic):
    """Traffic of two stretches that a test makes."""

    def __init__(self, recent: list[SpanRow], baseline: list[SpanRow], details: dict[int, dict[str, Any]]) -> None:
        super().__init__(None, 0)
        self.__dict__["recent"] = Stretch(recent)
        self.__dict__["baseline"] = Stretch(baseline, takes_first=True)
        self._details = details

    def attributes(self, rows: Any) -> dict[int, dict[str, Any]]:
        return {row.id: self._details.get(row.id, {}) for row in rows}


class World:
    """Requests of front, which calls book: each a trace of its own."""

    def __init__(self) -> None:
        self.details: dict[int, dict[str, Any]] = {}

    def row(self, trace: int, parent: bytes, service: str, operation: str, kind: int, **fields: Any) -> SpanRow:
        number = next(_numbers)
        span = number.to_bytes(8, "big")
        start, took = fields.get("start", number * MS), fields.get("ms", 5) * MS
        row = SpanRow(number, trace.to_bytes(16, "big"), span, parent, service, operation, kind,
                      bool(fields.get("error")), start, took)  # fmt: skip
        if "status" in fields:
            self.details[number] = {"http.response.status_code": fields["status"], "peer.service": "book"}
        return row

    def requests(self, count: int, *, calls: int = 1, **fields: Any) -> list[SpanRow]:
        """Return requests of front that call book; `front`, `call` and `book` are the fields of each span."""
        rows = []
        for _ in range(count):
            trace = next(_numbers)
            root = self.row(trace, b"", "front", "GET /", SERVER, **fields.get("front", {}))
            rows.append(root)
            for _ in range(calls):
                call = self.row(trace, root.span, "front", "GET book", CLIENT, **fields.get("call", {}))
                rows.append(call)
                if fields.get("book") is not None:
                    parent = b"" if fields.get("is_lost") else call.span
                    answered = self.row(
                        next(_numbers) if fields.get("is_lost") else trace, parent, "book", "GET /book", SERVER,
                        **fields["book"],
                    )  # fmt: skip
                    rows.append(answered)
        return rows

    def found_in(self, recent: list[SpanRow], baseline: list[SpanRow]) -> Requests:
        return Requests(Spans(recent, baseline, self.details), PORTS)


PORTS: Mapping[int, str] = {8000: "front", 8001: "book"}
WELL: dict[str, Any] = {"book": {}}


def test_a_service_that_fails_by_itself_is_where_its_requests_fail() -> None:
    world = World()
    requests = world.found_in(world.requests(20, front={"error": True}, book={}), world.requests(20, **WELL))
    (entry,) = requests.failing
    assert (entry.service, entry.main, entry.count) == ("front", "", 20)


def test_errors_of_a_callee_are_its_own() -> None:
    world = World()
    bad = world.requests(20, front={"error": True}, call={"error": True, "status": 500}, book={"error": True})
    requests = world.found_in(bad, world.requests(20, **WELL))
    assert {entry.service: entry.main for entry in requests.failing} == {"front": "book", "book": ""}


def test_calls_that_nobody_took_in_are_not_answered() -> None:
    world = World()
    bad = world.requests(20, front={"error": True}, call={"error": True, "status": 0}, book=None)
    (entry,) = world.found_in(bad, world.requests(20, **WELL)).failing
    assert entry.unanswered == {"book"}


def test_a_share_of_errors_that_was_usual_is_no_news() -> None:
    world = World()
    usual = world.requests(19, **WELL) + world.requests(1, front={"error": True}, book={})
    now = world.requests(36, **WELL) + world.requests(4, front={"error": True}, book={})
    assert world.found_in(now, usual * 2).failing == []


def test_errors_that_are_over_are_told_no_more() -> None:
    world = World()
    now = world.requests(5, front={"error": True}, book={}) + world.requests(15, **WELL)
    assert world.found_in(now, world.requests(20, **WELL)).failing == []


def test_what_failed_from_the_start_fails_still() -> None:
    world = World()
    bad = world.requests(20, front={"error": True}, book={})
    assert [entry.service for entry in world.found_in(bad, bad).failing] == ["front"]


def test_a_slow_service_is_slow_in_itself_and_its_caller_in_its_calls() -> None:
    world = World()
    slow = world.requests(20, front={"ms": 620}, call={"ms": 610}, book={"ms": 600})
    entries = {each.service: each for each in world.found_in(slow, world.requests(20, **WELL)).slow}
    assert entries["book"].is_its_own
    assert not entries["front"].is_its_own
    assert entries["front"].callee == "book"


def test_twice_the_usual_time_is_load_and_not_slow() -> None:
    world = World()
    busy = world.requests(20, front={"ms": 12}, call={"ms": 11}, book={"ms": 10})
    assert world.found_in(busy, world.requests(20, **WELL)).slow == []


def test_one_call_for_each_item_stands_out() -> None:
    world = World()
    (entry, *_) = world.found_in(world.requests(8, calls=12, book={}), world.requests(8, **WELL)).repeated
    assert (entry.service, entry.child, entry.now) == ("front", "GET book", 12)


def test_a_call_that_is_made_no_more_is_missing() -> None:
    world = World()
    (entry,) = world.found_in(world.requests(12, calls=0), world.requests(20, **WELL)).missing
    assert (entry.service, entry.callee, entry.is_lost_context) == ("front", "book", False)


def test_a_call_whose_callee_begins_a_trace_of_its_own_has_lost_its_context() -> None:
    world = World()
    lost = world.requests(12, book={}, is_lost=True)
    (entry,) = world.found_in(lost, world.requests(20, **WELL)).missing
    assert entry.is_lost_context


def test_a_call_that_fails_unseen_is_swallowed() -> None:
    world = World()
    bad = world.requests(20, call={"error": True, "status": 500}, book={"error": True})
    (entry,) = world.found_in(bad, world.requests(20, **WELL)).swallowed
    assert (entry.service, entry.callee) == ("front", "book")


def test_a_consumer_that_leaves_messages_lying_is_stuck() -> None:
    world = World()
    taken = [world.row(n, b"", "payment", "process shop.order.v1", CONSUMER, start=n * MS) for n in range(5)]
    sent = [world.row(n, b"", "order", "send shop.order.v1", PRODUCER, start=n * 1000 * MS) for n in range(1, 6)]
    (entry,) = unconsumed(Spans(taken + sent, taken, {}), 60_000 * MS)
    assert (entry.service, entry.topic, entry.sent) == ("payment", "shop.order.v1", 5)
    assert list(unconsumed(Spans(sent + taken, taken, {}), 3_000 * MS)) == []


def test_a_consumer_that_always_was_as_late_is_not_stuck() -> None:
    world, second = World(), 1000 * MS
    early = world.row(1, b"", "order", "send shop.order.v1", PRODUCER, start=MS)
    late = world.row(1, early.span, "payment", "process shop.order.v1", CONSUMER, start=20 * second)
    sent = [world.row(n, b"", "order", "send shop.order.v1", PRODUCER, start=n * second) for n in range(21, 26)]
    assert list(unconsumed(Spans([early, late, *sent], [early, late], {}), 60 * second)) == []


def test_the_topic_stands_in_the_name_of_a_span() -> None:
    assert topic_of("send shop.order.v1") == "shop.order.v1"
    assert topic_of("orders process") == "orders"
    assert topic_of("GET /a b") == ""
