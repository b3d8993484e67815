"""Classic boards as the viewer reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from devctl.web.boards import library
from devctl.web.boards.classic import board
from devctl.web.boards.layout import flat, laid_out
from devctl.web.boards.model import Board

ROOT = Path(__file__).parents[3]


def made(**document: Any) -> Board:
    return board(document, "fallback")


def test_every_board_of_the_shop_is_read_with_all_its_panels() -> None:
    for file in sorted((ROOT / "dashboards").glob("*.json")):
        document = json.loads(file.read_text())
        loaded = library.load(file)
        assert loaded.board
        assert [p.title for p in flat(laid_out(loaded.board.panels, {}))] == [p["title"] for p in document["panels"]]


def test_panels_below_an_open_row_and_inside_a_closed_one_belong_to_their_row() -> None:
    inner = {"type": "stat", "title": "inner", "gridPos": {"y": 5}}
    read = made(
        panels=[
            {"type": "row", "title": "closed", "collapsed": True, "gridPos": {"y": 4}, "panels": [inner]},
            {"type": "row", "title": "open", "gridPos": {"y": 1}},
            {"type": "text", "title": "below", "gridPos": {"y": 2}},
            {"type": "text", "title": "first", "gridPos": {"y": 0}},
        ]
    )
    shape = [(panel.title, [child.title for child in panel.panels]) for panel in read.panels]
    assert shape == [("first", []), ("open", ["below"]), ("closed", ["inner"])]


def test_panels_without_an_id_or_with_a_taken_one_get_ids_that_no_other_has() -> None:
    read = made(panels=[{"type": "stat"}, {"type": "stat", "id": 1}, {"type": "stat", "id": 1}, {"type": "stat"}])
    ids = [panel.id for panel in read.panels]
    assert len(set(ids)) == 4
    assert "1" in ids


def test_a_target_goes_where_its_panel_goes_unless_it_says_otherwise() -> None:
    explicit = {"type": "jaeger", "uid": "j"}
    panel = {
        "type": "stat",
        "datasource": {"type": "prometheus", "uid": "p"},
        "targets": [{}, {"datasource": explicit}],
    }
    targets = made(panels=[panel]).panels[0].targets
    assert [(each.source.kind, each.ref) for each in targets] == [("prometheus", "A"), ("jaeger", "B")]


def test_a_target_that_is_instant_alone_is_not_a_range() -> None:
    panel = {"type": "stat", "targets": [{"instant": True}, {"instant": True, "range": True}, {}]}
    targets = made(panels=[panel]).panels[0].targets
    assert [(each.is_instant, each.is_range) for each in targets] == [(True, False), (True, True), (False, True)]


def test_a_first_graph_becomes_a_time_series_with_what_it_said() -> None:
    graph = {
        "type": "graph",
        "stack": True,
        "fill": 3,
        "yaxes": [{"format": "bytes", "min": "0"}],
        "seriesOverrides": [{"alias": "/in.*/", "transform": "negative-Y"}],
        "legend": {"show": True, "alignAsTable": True, "avg": True},
    }
    panel = made(panels=[graph]).panels[0]
    assert panel.kind == "timeseries"
    assert (panel.defaults["unit"], panel.defaults["min"]) == ("bytes", 0.0)
    assert panel.defaults["custom"]["stacking"] == {"mode": "normal"}
    assert panel.overrides[0]["matcher"] == {"id": "byRegexp", "options": "/in.*/"}
    assert panel.options["legend"]["calcs"] == ["mean"]


def test_a_first_number_becomes_a_stat_or_a_gauge_with_its_thresholds() -> None:
    single = {"type": "singlestat", "thresholds": "1,5", "colors": ["green", "orange", "red"], "valueName": "current"}
    number, dial = made(panels=[single, {**single, "gauge": {"show": True, "maxValue": 10}}]).panels
    assert (number.kind, dial.kind) == ("stat", "gauge")
    assert [step["value"] for step in number.defaults["thresholds"]["steps"]] == [None, 1.0, 5.0]
    assert number.options["reduceOptions"] == {"calcs": ["lastNotNull"]}


def test_rows_of_spans_are_laid_on_the_grid() -> None:
    panels = [{"type": "text", "title": name, "span": 6} for name in "abc"]
    read = made(rows=[{"title": "R", "showTitle": True, "height": "150px", "panels": panels}])
    placed = {panel.title: panel.grid for panel in flat(laid_out(read.panels, {}))}
    assert (placed["a"].x, placed["b"].x, placed["c"].x) == (0, 12, 0)
    assert placed["c"].y > placed["a"].y == placed["b"].y > placed["R"].y


@pytest.mark.parametrize(
    "hostile",
    [
        {"panels": [{"gridPos": {"x": 1e308, "y": -5, "w": "x", "h": None}, "targets": [1, {"expr": ["a"]}]}]},
        {"panels": [None, 3, "x", {"type": ["row"]}, {"type": "row", "panels": [{"type": "row"}]}]},
        {"panels": [{"fieldConfig": 3, "options": [], "transformations": "x", "links": {"a": 1}, "id": {}}]},
        {"panels": {}, "templating": {"list": [{"name": 3, "query": {"a": {}}, "options": [1], "current": [2]}, 5]}},
        {"panels": [], "time": "x", "tags": {"a": 1}, "annotations": {"list": [{"target": 1}, 2]}, "links": 4},
        {"panels": [{"type": "graph", "yaxes": 5, "seriesOverrides": [3], "legend": []}]},
        {"panels": [{"type": "singlestat", "thresholds": "x,,1e999", "colors": [None], "valueMaps": 3}]},
        {"rows": [{"panels": [{"span": "wide"}, 7], "height": "big"}, 4]},
        {"title": {"a": 1}, "uid": 5, "panels": [{"title": 4, "description": False}]},
    ],
)
def test_a_document_of_wrong_types_is_still_a_board(hostile: dict[str, Any]) -> None:
    read = board(hostile, "fallback")
    for panel in flat(laid_out(read.panels, {})):
        assert panel.grid.x >= 0
        assert panel.grid.x + panel.grid.w <= 24


@pytest.mark.parametrize("id", [1672817065, 12_345_678_901, 7.0, 10**400])
def test_a_panel_keeps_its_id_to_the_last_digit(id: float) -> None:
    assert [panel.id for panel in made(panels=[{"id": id, "type": "text"}]).panels] == [str(int(id))]
