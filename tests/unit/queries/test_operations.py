"""Operations: counted, ranked, and compared with an earlier time."""

from __future__ import annotations

from pathlib import Path

import pytest

from devctl.queries.operations import Operation, as_json, operations, ranked
from devctl.record.span_query import SpanQuery
from tests.unit.queries.spans import SECOND, record, span


def read(folder: Path, query: SpanQuery, **services: list[dict[str, object]]) -> dict[tuple[str, str], Operation]:
    reader = record(folder, **services)
    try:
        return operations(list(reader.newest_within(0, 1 << 62, 1000)), query)
    finally:
        reader.close()


def test_an_operation_has_its_count_its_errors_and_its_own_time(tmp_path: Path) -> None:
    by_name = read(
        tmp_path,
        SpanQuery(),
        web=[span("GET", 1, 0, 10), span("GET", 2, 0, 4, trace=2, error=True)],
        db=[span("SELECT", 3, 1, 4, parent=1), span("SELECT", 4, 3, 6, parent=1)],
    )
    get, select = by_name["web", "GET"], by_name["db", "SELECT"]
    assert (get.count, get.errors, get.self_ns) == (2, 1, 9 * SECOND)
    assert (select.count, select.errors, select.self_ns) == (2, 0, 6 * SECOND)
    assert ranked(by_name.values(), by_duration=False)[0] is get


def test_conditions_choose_spans_and_their_children_still_count(tmp_path: Path) -> None:
    spans = {"web": [span("GET", 1, 0, 10)], "db": [span("SELECT", 3, 1, 4, parent=1)]}
    by_name = read(tmp_path, SpanQuery(service="web"), **spans)
    assert [(key, each.self_ns) for key, each in by_name.items()] == [(("web", "GET"), 7 * SECOND)]


@pytest.mark.parametrize(("percent", "duration"), [(50, 50), (95, 95), (99, 99), (100, 100)])
def test_percentiles_are_durations_that_occurred(percent: int, duration: int) -> None:
    assert Operation("a", "b", durations_ns=list(range(100, 0, -1))).percentile(percent) == duration


def test_what_was_not_there_before_is_compared_with_nothing() -> None:
    now = Operation("a", "b", durations_ns=[2_000_000])
    before = Operation("a", "b", durations_ns=[1_000_000])
    assert as_json(now, None, is_compared=True)["before"] is None
    assert as_json(now, before, is_compared=True)["before"]["p95_ms"] == 1.0
    assert "before" not in as_json(now, None, is_compared=False)
