"""Boards read from Grafana's JSON, and their numbers as text."""

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest

from devctl.queries import boards
from devctl.queries.prometheus import Series
from devctl.render.boards import in_time, panel_lines, sparkline, value
from devctl.render.terminal import Terminal


def _board(tmp_path: Path, **model: Any) -> boards.Board:
    path = tmp_path / "board.json"
    path.write_text(json.dumps(model))
    board = boards.load(path)
    assert board
    return board


def test_panels_of_collapsed_and_open_rows_are_found_with_their_row(tmp_path: Path) -> None:
    panel = {"type": "stat", "title": "p", "targets": [{"expr": "up"}]}
    rows = [{"type": "row", "title": "A", "panels": [panel]}, {"type": "row", "title": "B"}, panel, {"type": "text"}]
    board = _board(tmp_path, title="t", panels=rows)
    assert [(p.title, p.row, p.targets[0].expression) for p in board.panels] == [("p", "A", "up"), ("p", "B", "up")]


def test_variables_and_grafanas_own_are_filled_into_queries(tmp_path: Path) -> None:
    variable = {"name": "service", "type": "query", "includeAll": True, "current": {"value": "$__all"}}
    board = _board(tmp_path, panels=[], templating={"list": [variable]})
    target = boards.Target('rate(x{job=~"$service",a="${service:regex}"}[$__rate_interval])', "")
    expression = boards.expression(target, board.variables, step_seconds=30, range_seconds=900)
    assert expression == 'rate(x{job=~".*",a=".*"}[120s])'


@pytest.mark.parametrize(
    ("legend", "name"), [("{{job}} p95", "order p95"), ("", "job=order, le=1"), ("__auto", "job=order, le=1")]
)
def test_a_series_is_named_by_its_legend_else_by_its_labels(legend: str, name: str) -> None:
    assert boards.legend(boards.Target("x", legend), {"__name__": "x", "job": "order", "le": "1"}) == name


def test_a_file_that_is_no_board_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    (tmp_path / "b.json").write_text("{")
    assert boards.load_all(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "unit", "shown"),
    [
        (0.25, "s", "250 ms"),
        (0.00002, "s", "20 µs"),
        (0.5, "percentunit", "50.0%"),
        (1_500_000, "bytes", "1.5 MB"),
        (1234, "short", "1.234 k"),
        (3.5, "reqps", "3.5/s"),
        (math.nan, "s", "–"),
        (math.inf, "short", "–"),
    ],
)
def test_numbers_are_written_with_their_unit(number: float, unit: str, shown: str) -> None:
    assert value(number, unit) == shown


@pytest.mark.parametrize(
    ("values", "drawn"), [([0, 7], "▁█"), ([0, 0], "▁▁"), ([5, 5], "▄▄"), ([0, math.nan, 7], "▁ █"), ([math.nan], "")]
)
def test_a_sparkline_spans_lowest_to_highest_and_leaves_gaps(values: list[float], drawn: str) -> None:
    assert sparkline(values, 10) == drawn


def test_a_course_stands_where_it_was_in_the_window() -> None:
    course = in_time(Series({}, [(20.0, 1.0), (40.0, 2.0)]), 0.0, 50.0, 10.0)
    assert [None if math.isnan(number) else number for number in course] == [None, None, 1.0, None, 2.0, None]


def _drawn(kind: str, series: list[Series], unit: str = "s") -> list[str]:
    panel = boards.Panel("Time", kind, unit, "", "", ())
    terminal = Terminal(io.StringIO(), io.StringIO(), {"COLUMNS": "80"})
    named = [(boards.legend(boards.Target("", ""), each.labels), each) for each in series]
    return panel_lines(panel, named, terminal, window=(0.0, 20.0, 10.0))


def test_a_heat_map_shows_what_fell_into_each_bucket_by_size_and_leaves_empty_ones_out() -> None:
    counts = {"10": (4, 8, 8), "0.5": (4, 4, 4), "+Inf": (4, 8, 8), "2": (4, 4, 8), "0.1": (0, 0, 0)}
    series = [Series({"le": le}, [(i * 10.0, float(n)) for i, n in enumerate(ns)]) for le, ns in counts.items()]
    assert _drawn("heatmap", series) == ["Time", "  ≤ 10.0 s   █", "  ≤ 2.00 s    █", "  ≤ 500 ms  ███"]


def test_the_last_number_counts_where_a_course_ends_without_one() -> None:
    (_, line) = _drawn("timeseries", [Series({"a": "b"}, [(0.0, 1.0), (10.0, 2.0), (20.0, math.nan)])], "short")
    assert line.split()[:2] == ["a=b", "2"]


def test_a_single_value_without_a_name_stands_alone_below_its_title() -> None:
    assert _drawn("stat", [Series({}, [(0.0, 3.0)])], "short") == ["Time", "               3"]


def test_a_gauge_has_a_bar_of_its_share_and_a_table_one_against_the_highest() -> None:
    (_, gauge) = _drawn("gauge", [Series({"a": "b"}, [(0.0, 0.5)])], "percentunit")
    assert gauge == "  a=b         50.0%  " + "█" * 15
    table = _drawn("table", [Series({"a": str(i)}, [(0.0, float(i))]) for i in (1, 2)], "short")
    assert [line.count("█") for line in table[1:]] == [15, 30]


def test_a_panel_without_numbers_says_so() -> None:
    assert _drawn("timeseries", [Series({}, [(0.0, math.nan)])]) == ["Time", "  no data"]
