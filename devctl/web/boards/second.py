"""Rewrites the second schema of boards (`elements` and a `layout`) into the classic one, which the rest reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from devctl.web.boards.plain import flag, mapping, objects, text, whole

_VARIABLES = {
    "QueryVariable": "query",
    "CustomVariable": "custom",
    "IntervalVariable": "interval",
    "DatasourceVariable": "datasource",
    "TextVariable": "textbox",
    "ConstantVariable": "constant",
    "AdhocVariable": "adhoc",
    "GroupByVariable": "groupby",
    "SwitchVariable": "switch",
}
_HIDE = {"dontHide": 0, "hideLabel": 1, "hideVariable": 2}
_SORT = {
    "disabled": 0,
    "alphabeticalAsc": 1,
    "alphabeticalDesc": 2,
    "numericalAsc": 3,
    "numericalDesc": 4,
    "alphabeticalCaseInsensitiveAsc": 5,
    "alphabeticalCaseInsensitiveDesc": 6,
    "naturalAsc": 7,
    "naturalDesc": 8,
}
_CROSSHAIR = {"Off": 0, "Crosshair": 1, "Tooltip": 2}
_AUTO_COLUMNS, _AUTO_HEIGHT = 3, 9
_MOST_DEPTH = 4


def is_second(document: Mapping[str, Any]) -> bool:
    """Tell whether a document is of the second schema, with or without the envelope of Grafana's API."""
    spec = mapping(document.get("spec")) or document
    return "elements" in spec and "layout" in spec


def classic(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the classic document that shows the same."""
    spec = mapping(document.get("spec")) or document
    time = mapping(spec.get("timeSettings"))
    elements = mapping(spec.get("elements"))
    return {
        "uid": text(mapping(document.get("metadata")).get("name")),
        "title": spec.get("title"),
        "description": spec.get("description"),
        "tags": spec.get("tags"),
        "schemaVersion": "v2",
        "graphTooltip": _CROSSHAIR.get(text(spec.get("cursorSync")), 0),
        "time": {"from": time.get("from"), "to": time.get("to")},
        "refresh": time.get("autoRefresh"),
        "links": spec.get("links"),
        "panels": list(_layout(mapping(spec.get("layout")), elements, _Cursor(), 0)),
        "templating": {"list": [_variable(each) for each in objects(spec.get("variables"))]},
        "annotations": {"list": [_annotation(each) for each in objects(spec.get("annotations"))]},
    }


class _Cursor:
    """How far down the page the layout has come."""

    def __init__(self) -> None:
        self.y = 0


def _layout(
    layout: Mapping[str, Any], elements: Mapping[str, Any], cursor: _Cursor, depth: int
) -> Iterator[Mapping[str, Any]]:
    spec = mapping(layout.get("spec"))
    kind = text(layout.get("kind"))
    if depth > _MOST_DEPTH:
        return
    if kind in ("RowsLayout", "TabsLayout"):
        for part in objects(spec.get("rows")) or objects(spec.get("tabs")):
            yield from _part(mapping(part.get("spec")), elements, cursor, depth)
    elif kind == "AutoGridLayout":
        yield from _auto(spec, elements, cursor)
    else:
        yield from _grid(spec, elements, cursor)


def _part(
    part: Mapping[str, Any], elements: Mapping[str, Any], cursor: _Cursor, depth: int
) -> Iterator[Mapping[str, Any]]:
    """Yield a row or a tab, which becomes a row, with what lies in it."""
    repeat = text(mapping(part.get("repeat")).get("value"))
    is_collapsed = flag(part.get("collapse"))
    row: dict[str, Any] = {"type": "row", "title": part.get("title"), "repeat": repeat, "collapsed": is_collapsed}
    row["gridPos"] = {"x": 0, "y": cursor.y, "w": 24, "h": 1}
    cursor.y += 1
    inside = list(_layout(mapping(part.get("layout")), elements, cursor, depth + 1))
    if is_collapsed:
        yield {**row, "panels": inside}
    else:
        yield row
        yield from inside


def _grid(spec: Mapping[str, Any], elements: Mapping[str, Any], cursor: _Cursor) -> Iterator[Mapping[str, Any]]:
    top = cursor.y
    for item in objects(spec.get("items")):
        slot = mapping(item.get("spec"))
        position = {
            "x": whole(slot.get("x"), 0, 0, 23),
            "y": top + whole(slot.get("y"), 0, 0, 100_000),
            "w": whole(slot.get("width"), 12, 1, 24),
            "h": whole(slot.get("height"), 8, 1, 200),
        }
        cursor.y = max(cursor.y, position["y"] + position["h"])
        yield {**_element(slot, elements), "gridPos": position, **_repeat(slot)}


def _auto(spec: Mapping[str, Any], elements: Mapping[str, Any], cursor: _Cursor) -> Iterator[Mapping[str, Any]]:
    columns = whole(spec.get("maxColumnCount"), _AUTO_COLUMNS, 1, 8)
    width = 24 // columns
    parts = objects(spec.get("items"))
    for number, item in enumerate(parts):
        y = cursor.y + number // columns * _AUTO_HEIGHT
        slot = mapping(item.get("spec"))
        position = {"x": number % columns * width, "y": y, "w": width, "h": _AUTO_HEIGHT}
        yield {**_element(slot, elements), "gridPos": position, **_repeat(slot)}
    cursor.y += -(-len(parts) // columns) * _AUTO_HEIGHT


def _repeat(slot: Mapping[str, Any]) -> dict[str, Any]:
    repeat = mapping(slot.get("repeat"))
    if not repeat:
        return {}
    return {
        "repeat": repeat.get("value"),
        "repeatDirection": "v" if repeat.get("direction") == "v" else "h",
        "maxPerRow": repeat.get("maxPerRow"),
    }


def _element(slot: Mapping[str, Any], elements: Mapping[str, Any]) -> dict[str, Any]:
    name = text(mapping(slot.get("element")).get("name"))
    element = mapping(elements.get(name))
    spec = mapping(element.get("spec"))
    if element.get("kind") == "LibraryPanel":
        return {"type": "library panel", "title": spec.get("title"), "id": spec.get("id")}
    picture = mapping(spec.get("vizConfig"))
    drawn = mapping(picture.get("spec"))
    data = mapping(mapping(spec.get("data")).get("spec"))
    options = mapping(data.get("queryOptions"))
    return {
        "id": spec.get("id"),
        "title": spec.get("title"),
        "description": spec.get("description"),
        "links": spec.get("links"),
        "transparent": spec.get("transparent"),
        "type": text(picture.get("group")) or text(picture.get("kind")) or "unknown",
        "options": drawn.get("options"),
        "fieldConfig": drawn.get("fieldConfig"),
        "targets": [_target(mapping(each.get("spec"))) for each in objects(data.get("queries"))],
        "transformations": [_transformation(each) for each in objects(data.get("transformations"))],
        "interval": options.get("interval"),
        "maxDataPoints": options.get("maxDataPoints"),
        "timeFrom": options.get("timeFrom"),
        "timeShift": options.get("timeShift"),
    }


def _transformation(model: Mapping[str, Any]) -> dict[str, Any]:
    spec = mapping(model.get("spec"))
    return {**spec, "id": text(model.get("group")) or text(spec.get("id")) or text(model.get("kind"))}


def _target(spec: Mapping[str, Any]) -> dict[str, Any]:
    query = mapping(spec.get("query"))
    return {
        **mapping(query.get("spec")),
        "refId": spec.get("refId"),
        "hide": spec.get("hidden"),
        "datasource": _source(spec, query),
    }


def _source(spec: Mapping[str, Any], query: Mapping[str, Any]) -> dict[str, str]:
    """Return a reference to a data source, in the words of v2alpha1 or of v2beta1."""
    before, after = mapping(spec.get("datasource")), mapping(query.get("datasource"))
    kind = text(query.get("group")) or text(before.get("type")) or text(query.get("kind"))
    return {
        "type": "" if kind == "DataQuery" else kind,
        "uid": text(after.get("name")) or text(before.get("uid")),
    }


def _variable(model: Mapping[str, Any]) -> dict[str, Any]:
    spec = mapping(model.get("spec"))
    query = mapping(spec.get("query"))
    inner = mapping(query.get("spec"))
    kind = _VARIABLES.get(text(model.get("kind")), text(model.get("kind")))
    query_text = text(inner.get("query")) or text(inner.get("__legacyStringValue")) or inner
    return {
        **spec,
        "type": kind,
        "query": spec.get("pluginId") if kind == "datasource" else query_text if query else spec.get("query"),
        "datasource": _source(spec, query),
        "hide": _HIDE.get(text(spec.get("hide")), 0),
        "sort": _SORT.get(text(spec.get("sort")), 0),
    }


def _annotation(model: Mapping[str, Any]) -> dict[str, Any]:
    spec = mapping(model.get("spec"))
    query = mapping(spec.get("query"))
    inner = mapping(query.get("spec"))
    return {**spec, "expr": inner.get("expr"), "datasource": _source(spec, query), "target": inner}
