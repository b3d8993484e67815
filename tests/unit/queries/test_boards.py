"""Boards read from Grafana's JSON, and their numbers as text."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from devctl.queries import boards
from devctl.render.boards import sparkline, value


def _board(tmp_path: Path, **model: Any) -> boards.Board:
    path = tmp_path / "board.json"
    path.write_text(json.dumps(model))
    found = boards.load(path)
    assert found
    return found


def test_panels_of_collapsed_and_open_rows_are_found_with_their_row(tmp_path: Path) -> None:
    panel = {"type": "stat", "title": "p", "targets": [{"expr": "up"}]}
    rows = [{"type": "row", "title": "A", "panels": [panel]}, {"type": "row", "title": "B"}, panel, {"type": "text"}]
    board = _board(tmp_path, title="t", panels=rows)
    assert [(p.title, p.row, p.targets[0].expression) for p in board.panels] == [("p", "A", "up"), ("p", "B", "up")]


def test_variables_and_grafanas_own_are_filled_into_queries(tmp_path: Path) -> None:
    variable = {"name": "service", "type": "query", "includeAll": True, "current": {"value": "$__all"}}
    board = _board(tmp_path, panels=[], templating={"list": [variable]})
    target = boards.Target('rate(x{job=~"$service",a="${service:regex}"}[$__rate_interval])', "")
    asked = boards.expression(target, board.variables, step_seconds=30, range_seconds=900)
    assert asked == 'rate(x{job=~".*",a=".*"}[120s])'


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
