"""Boards of the second schema as the viewer reads them."""

from pathlib import Path
from typing import Any

from devctl.web.boards.layout import flat, laid_out
from devctl.web.boards.library import read
from devctl.web.boards.model import Board

IN_SECONDS = {"defaults": {"unit": "s"}}


def element(id: int, title: str, kind: str = "timeseries", **options: Any) -> dict[str, Any]:
    query = {"kind": "DataQuery", "group": "prometheus", "datasource": {"name": "p"}, "spec": {"expr": "up"}}
    return {
        "kind": "Panel",
        "spec": {
            "id": id,
            "title": title,
            "vizConfig": {"kind": "VizConfig", "group": kind, "spec": {"options": options, "fieldConfig": IN_SECONDS}},
            "data": {
                "kind": "QueryGroup",
                "spec": {
                    "queries": [{"kind": "PanelQuery", "spec": {"refId": "A", "query": query}}],
                    "transformations": [{"group": "limit", "spec": {"options": {"limitField": 3}}}],
                    "queryOptions": {"interval": "30s"},
                },
            },
        },
    }  # fmt: skip


def item(name: str, **position: Any) -> dict[str, Any]:
    reference = {"kind": "ElementReference", "name": name}
    return {"kind": "GridLayoutItem", "spec": {"element": reference, **position}}


def board(layout: dict[str, Any], **more: Any) -> Board:
    elements = {"a": element(1, "A"), "b": element(2, "B", "stat")}
    document = {
        "apiVersion": "dashboard.grafana.app/v2beta1",
        "kind": "Dashboard",
        "metadata": {"name": "second"},
        "spec": {"title": "Second", "elements": elements, "layout": layout, **more},
    }
    loaded = read(document, Path("second.json"))
    assert loaded.board, loaded.problem
    return loaded.board


def test_panels_of_a_grid_keep_place_query_unit_and_transformations() -> None:
    grid = {"kind": "GridLayout", "spec": {"items": [item("a", x=0, y=0, width=8, height=5)]}}
    (panel,) = board(grid).panels
    assert (panel.id, panel.kind, panel.title, panel.grid.w, panel.grid.h) == ("1", "timeseries", "A", 8, 5)
    assert (panel.targets[0].expression, panel.targets[0].source.kind) == ("up", "prometheus")
    assert panel.defaults["unit"] == "s"
    assert panel.transformations[0]["id"] == "limit"
    assert panel.interval == "30s"


def test_rows_and_tabs_become_rows_one_below_the_other() -> None:
    inner = {"kind": "GridLayout", "spec": {"items": [item("a", x=0, y=0, width=12, height=4)]}}
    automatic = {"kind": "AutoGridLayout", "spec": {"maxColumnCount": 2, "items": [item("b")]}}
    rows = {
        "kind": "RowsLayout",
        "spec": {
            "rows": [
                {"kind": "RowsLayoutRow", "spec": {"title": "one", "layout": inner}},
                {"kind": "RowsLayoutRow", "spec": {"title": "two", "collapse": True, "layout": automatic}},
            ]
        },
    }
    placed = flat(laid_out(board(rows).panels, {}))
    assert [(panel.kind, panel.title) for panel in placed] == [
        ("row", "one"), ("timeseries", "A"), ("row", "two"), ("stat", "B"),
    ]  # fmt: skip
    assert [panel.grid.y for panel in placed] == sorted(panel.grid.y for panel in placed)
    assert placed[2].is_collapsed


def test_variables_and_annotations_are_read() -> None:
    query = {"kind": "DataQuery", "group": "prometheus", "spec": {"query": "label_values(up, job)"}}
    options = {"multi": True, "includeAll": True, "sort": "alphabeticalAsc"}
    variables = [
        {"kind": "QueryVariable", "spec": {"name": "job", "query": query, **options}},
        {"kind": "IntervalVariable", "spec": {"name": "every", "query": "1m,5m"}},
    ]
    mark = {"kind": "AnnotationQuery", "spec": {"name": "restarts", "query": {"spec": {"expr": "changes(x[1m])"}}}}
    read_board = board({"kind": "GridLayout", "spec": {"items": []}}, variables=variables, annotations=[mark])
    job, every = read_board.variables
    assert (job.kind, job.query, job.is_multi, job.sort) == ("query", "label_values(up, job)", True, 1)
    assert (every.kind, every.query) == ("interval", "1m,5m")
    assert read_board.annotations[0].expression == "changes(x[1m])"


def test_a_layout_that_nests_without_end_ends() -> None:
    layout: dict[str, Any] = {"kind": "GridLayout", "spec": {"items": [item("a")]}}
    for _ in range(8):
        layout = {"kind": "RowsLayout", "spec": {"rows": [{"spec": {"title": "r", "layout": layout}}]}}
    assert len(flat(board(layout).panels)) <= 8


def test_a_reference_to_nothing_is_a_panel_of_an_unknown_kind() -> None:
    (panel,) = board({"kind": "GridLayout", "spec": {"items": [item("missing")]}}).panels
    assert panel.kind == "unknown"
