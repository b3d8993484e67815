"""Lifts what older Grafanas wrote to what the newer ones write: rows of panels, the first graph and number panels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devctl.web.boards.plain import flag, items, mapping, number, objects, text, whole

_RENAMED = {
    "graph": "timeseries",
    "singlestat": "stat",
    "grafana-singlestat-panel": "stat",
    "table-old": "table",
    "grafana-piechart-panel": "piechart",
    "grafana-worldmap-panel": "geomap",
    "natel-discrete-panel": "state-timeline",
    "flant-statusmap-panel": "status-history",
}
_CALCS = {"current": "lastNotNull", "avg": "mean", "total": "sum", "range": "range", "first": "firstNotNull"}
_ROW_PIXELS = 30
_DEFAULT_ROW = 250


def upgraded(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a document whose panels stand on the grid: before schema 16 they stood in rows by spans of twelve."""
    rows = objects(document.get("rows"))
    if not rows or objects(document.get("panels")):
        return document
    panels: list[Mapping[str, Any]] = []
    top = 0
    for row in rows:
        placed, height = _row(row, top)
        panels += placed
        top += height
    return {**document, "panels": panels}


def _row(row: Mapping[str, Any], top: int) -> tuple[list[Mapping[str, Any]], int]:
    height = _rows_of(row.get("height"), _DEFAULT_ROW)
    placed: list[Mapping[str, Any]] = []
    x, y = 0, top
    if (text(row.get("title")) and flag(row.get("showTitle"))) or flag(row.get("collapse")):
        head = {"type": "row", "title": row.get("title"), "repeat": row.get("repeat")}
        placed.append({**head, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "collapsed": flag(row.get("collapse"))})
        y += 1
    for model in objects(row.get("panels")):
        width = whole(model.get("span"), 4, 1, 12) * 2
        if x + width > 24:
            x, y = 0, y + height
        placed.append({**model, "gridPos": {"x": x, "y": y, "w": width, "h": height}})
        x += width
    return placed, y + height - top


def _rows_of(value: Any, default: int) -> int:
    pixels = number(value) or number(_digits(text(value)), default)
    return max(round(pixels / _ROW_PIXELS), 2)


def _digits(value: str) -> float | None:
    digits = value.removesuffix("px")
    return float(digits) if digits.isdecimal() and len(digits) < 6 else None


def panel(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a panel of a kind that is drawn today, where an older kind has one."""
    kind = text(model.get("type"))
    if kind not in _RENAMED or ("fieldConfig" in model and kind not in ("graph", "singlestat", "table-old")):
        return {**model, "type": _RENAMED.get(kind, kind)}
    if kind == "graph":
        return _graph(model)
    if kind == "singlestat":
        return _single(model)
    return {**model, "type": _RENAMED[kind]}


def _graph(model: Mapping[str, Any]) -> Mapping[str, Any]:
    left = mapping(next(iter(items(model.get("yaxes"))), None))
    is_stacked = flag(model.get("stack"))
    custom = {
        "drawStyle": "bars" if flag(model.get("bars")) else "points" if model.get("lines") is False else "line",
        "fillOpacity": whole(model.get("fill"), 1, 0, 10) * 10,
        "lineWidth": whole(model.get("linewidth"), 1, 0, 10),
        "stacking": {"mode": "percent" if flag(model.get("percentage")) else "normal" if is_stacked else "none"},
        "spanNulls": model.get("nullPointMode") == "connected",
    }
    defaults = {"unit": left.get("format"), "min": _limit(left.get("min")), "max": _limit(left.get("max"))}
    overrides = [_series_override(each) for each in objects(model.get("seriesOverrides"))]
    legend = mapping(model.get("legend"))
    calcs = [_CALCS.get(key, key) for key in ("min", "max", "avg", "current", "total") if flag(legend.get(key))]
    shown = {
        "showLegend": legend.get("show") is not False,
        "displayMode": "table" if flag(legend.get("alignAsTable")) else "list",
        "placement": "right" if flag(legend.get("rightSide")) else "bottom",
        "calcs": calcs,
    }
    config = {"defaults": {**_present(defaults), "custom": custom}, "overrides": overrides}
    return {**model, "type": "timeseries", "fieldConfig": config, "options": {"legend": shown}}


def _series_override(model: Mapping[str, Any]) -> dict[str, Any]:
    alias = text(model.get("alias"))
    is_pattern = len(alias) > 1 and alias.startswith("/") and alias.endswith("/")
    properties: list[dict[str, Any]] = []
    if "color" in model:
        properties.append({"id": "color", "value": {"mode": "fixed", "fixedColor": model["color"]}})
    if "fill" in model:
        properties.append({"id": "custom.fillOpacity", "value": whole(model.get("fill"), 1, 0, 10) * 10})
    if model.get("stack") is False:
        properties.append({"id": "custom.stacking", "value": {"mode": "none"}})
    if model.get("transform") == "negative-Y":
        properties.append({"id": "custom.transform", "value": "negative-Y"})
    return {"matcher": {"id": "byRegexp" if is_pattern else "byName", "options": alias}, "properties": properties}


def _single(model: Mapping[str, Any]) -> Mapping[str, Any]:
    calc = text(model.get("valueName")) or "avg"
    gauge = mapping(model.get("gauge"))
    is_gauge = flag(gauge.get("show"))
    defaults = {
        "unit": model.get("format"),
        "decimals": model.get("decimals"),
        "min": gauge.get("minValue") if is_gauge else None,
        "max": gauge.get("maxValue") if is_gauge else None,
        "thresholds": {"mode": "absolute", "steps": _steps(model)},
        "mappings": [_value_map(each) for each in objects(model.get("valueMaps"))],
    }
    options = {
        "reduceOptions": {"calcs": [_CALCS.get(calc, calc)]},
        "colorMode": "background" if flag(model.get("colorBackground")) else "value",
        "graphMode": "area" if flag(mapping(model.get("sparkline")).get("show")) else "none",
    }
    config = {"defaults": _present(defaults), "overrides": []}
    return {**model, "type": "gauge" if is_gauge else "stat", "fieldConfig": config, "options": options}


def _steps(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    limits = [_limit(each.strip()) for each in text(model.get("thresholds")).split(",") if each.strip()]
    colors = [text(each) for each in items(model.get("colors"))] or ["green", "yellow", "red"]
    return [{"value": value, "color": color} for value, color in zip([None, *limits], colors, strict=False)]


def _value_map(model: Mapping[str, Any]) -> dict[str, Any]:
    value = text(model.get("value"))
    if value == "null":
        return {"type": "special", "options": {"match": "null", "result": {"text": text(model.get("text"))}}}
    return {"type": "value", "options": {value: {"text": text(model.get("text"))}}}


def _limit(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
