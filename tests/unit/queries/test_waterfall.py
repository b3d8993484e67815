"""How one trace becomes a tree with self times and a critical path."""

from pathlib import Path

import pytest

from devctl.queries import traces, waterfall
from devctl.record.lines import Line
from tests.unit.queries.spans import SECOND, record, span

TRACE = "0" * 31 + "1"


def _rows(tmp_path: Path, *spans: dict[str, object], trace: int = 1) -> list[waterfall.Row]:
    reader = record(tmp_path, shop=list(spans))
    loaded = traces.load(reader, f"{trace:032x}")
    assert loaded
    rows = waterfall.rows(s for t in traces.joined(reader, loaded) for s in t.spans)
    reader.close()
    return rows


def test_children_stand_below_their_parent_in_order_of_start(tmp_path: Path) -> None:
    rows = _rows(tmp_path, span("b", 3, 2, 3, parent=1), span("root", 1, 0, 4), span("a", 2, 1, 2, parent=1))
    assert [(row.span.name, row.depth) for row in rows] == [("root", 0), ("a", 1), ("b", 1)]


def test_self_time_counts_overlapping_children_once(tmp_path: Path) -> None:
    rows = _rows(tmp_path, span("root", 1, 0, 10), span("a", 2, 1, 5, parent=1), span("b", 3, 3, 6, parent=1))
    assert rows[0].self_ns == 5 * SECOND


def test_the_critical_path_follows_who_ended_last(tmp_path: Path) -> None:
    rows = _rows(
        tmp_path,
        span("root", 1, 0, 10),
        span("first", 2, 0, 4, parent=1),
        span("beside", 3, 1, 3, parent=1),
        span("last", 4, 5, 9, parent=1),
    )
    assert [row.span.name for row in rows if row.is_critical] == ["root", "first", "last"]


def test_a_server_that_works_on_after_its_answer_was_waited_for_until_its_caller_went_on(tmp_path: Path) -> None:
    rows = _rows(
        tmp_path,
        span("root", 1, 0, 10),
        span("call", 2, 1, 4, parent=1, kind=3),
        span("answer", 3, 2, 9, parent=2, kind=2),
        span("beside", 4, 2, 5, parent=1),
        span("write", 5, 4, 6, parent=1),
    )
    assert [row.span.name for row in rows if row.is_critical] == ["root", "call", "answer", "write"]


def test_what_was_sent_off_and_ended_last_is_critical_with_what_came_before_it(tmp_path: Path) -> None:
    rows = _rows(
        tmp_path,
        span("root", 1, 0, 5),
        span("check", 2, 0, 2, parent=1),
        span("send", 3, 3, 4, parent=1, kind=4),
        span("respond", 4, 4, 5, parent=1),
        span("process", 5, 6, 9, parent=3, kind=5),
    )
    assert [row.span.name for row in rows if row.is_critical] == ["root", "check", "send", "process"]


def test_a_consumer_of_another_trace_hangs_below_the_producer_it_links_to(tmp_path: Path) -> None:
    link = ((1).to_bytes(16), (2).to_bytes(8))
    rows = _rows(
        tmp_path,
        span("order", 1, 0, 2),
        span("publish", 2, 1, 2, parent=1),
        span("consume", 9, 5, 6, trace=2, links=[link]),
        span("write", 10, 5, 6, trace=2, parent=9),
    )
    assert [(row.span.name, row.depth, row.is_linked) for row in rows] == [
        ("order", 0, False),
        ("publish", 1, False),
        ("consume", 2, True),
        ("write", 3, False),
    ]


@pytest.mark.parametrize("parent", [7, 1])
def test_a_missing_parent_or_a_ring_loses_no_span(tmp_path: Path, parent: int) -> None:
    rows = _rows(tmp_path, span("only", 1, 0, 1, parent=parent))
    assert [row.span.name for row in rows] == ["only"]


def test_a_client_and_its_server_that_share_an_id_are_both_shown(tmp_path: Path) -> None:
    reader = record(
        tmp_path,
        web=[span("page", 1, 0, 10), span("call", 2, 1, 9, parent=1, kind=3), span("note", 4, 8, 9, parent=2)],
        db=[span("serve", 2, 2, 8, parent=1, kind=2), span("query", 3, 3, 7, parent=2)],
    )
    shown = waterfall.rows(reader.trace(TRACE))
    assert [(row.span.name, row.depth) for row in shown] == [
        ("page", 0), ("call", 1), ("serve", 2), ("query", 3), ("note", 2),
    ]  # fmt: skip
    assert [row.span.span_id for row in shown if row.span.name == "serve"] == ["0" * 15 + "2"]


def test_a_span_that_was_sent_twice_is_shown_twice(tmp_path: Path) -> None:
    twice = [span("work", 2, 1, 2, parent=1)] * 2
    reader = record(tmp_path, web=[span("page", 1, 0, 10), *twice])
    shown = [(row.span.name, row.depth) for row in waterfall.rows(reader.trace(TRACE))]
    assert shown == [("page", 0), ("work", 1), ("work", 1)]


def test_a_parent_that_is_not_stored_is_marked(tmp_path: Path) -> None:
    reader = record(tmp_path, web=[span("page", 1, 0, 10, parent=9), span("work", 2, 1, 2, parent=1)])
    assert [row.lacks_parent for row in waterfall.rows(reader.trace(TRACE))] == [True, False]


def test_a_path_through_every_span_is_marked_where_the_time_went(tmp_path: Path) -> None:
    chain = [span("a", 1, 0, 10), span("b", 2, 0.1, 9.9, parent=1), span("c", 3, 0.2, 9.8, parent=2)]
    reader = record(tmp_path, web=chain)
    assert [row.span.name for row in waterfall.rows(reader.trace(TRACE)) if row.is_critical] == ["c"]


def test_log_lines_go_to_the_span_they_name_or_to_the_innermost_open_one_of_their_service(tmp_path: Path) -> None:
    rows = _rows(tmp_path, span("outer", 1, 0, 10), span("inner", 2, 2, 4, parent=1))

    def line(at: float, raw: bytes, service: str = "shop") -> Line:
        return Line(int((1000 + at) * SECOND), service, f"{service}.1", raw)

    named = line(3, b'{"message": "m", "span_id": "%016x"}' % 1)
    left = waterfall.place_lines(rows, [named, line(3, b"plain"), line(3, b"foreign", "other"), line(99, b"late")])
    assert [[line.raw for line in row.lines] for row in rows] == [[named.raw], [b"plain"]]
    assert [line.raw for line in left] == [b"foreign", b"late"]


def test_a_trace_of_ten_thousand_spans_in_a_chain_is_laid_out_without_recursion(tmp_path: Path) -> None:
    rows = _rows(tmp_path, *(span("deep", i, 0, 1, parent=i - 1) for i in range(1, 10_001)))
    assert rows[-1].depth == 9_999
