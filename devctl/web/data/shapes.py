"""Frames as what each kind of panel draws: lines on one time axis, single values, tables, buckets, states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from devctl.web.boards.model import Panel
from devctl.web.boards.plain import flag, items, mapping, text, whole
from devctl.web.data.answers import bound, bucketed
from devctl.web.data.fields import Look, compiled_pattern, described, is_hidden, shown_name
from devctl.web.data.frames import NUMBER, TEXT, Field, Frame, joined, reduce, times_of

MOST_ROWS = 5_000
"""More rows of a table no page holds."""
MOST_VALUES = 500
SPARK_POINTS = 120
"""A line behind a number is about so many pixels wide."""

OVER_TIME = frozenset({"timeseries", "trend", "state-timeline", "status-history", "candlestick"})
SINGLE = frozenset({"stat", "gauge", "bargauge", "piechart"})


def shaped(panel: Panel, frames: Sequence[Frame]) -> dict[str, Any]:
    """Return what the page draws of a panel."""
    look = Look(panel.defaults, panel.overrides)
    if panel.kind in OVER_TIME:
        return lines(frames, look, panel)
    if panel.kind in SINGLE:
        return {"values": singles(frames, look, panel)}
    if panel.kind == "heatmap":
        return heat(frames, panel)
    return tables(frames, look)


def lines(frames: Sequence[Frame], look: Look, panel: Panel) -> dict[str, Any]:
    """Return columns on one time axis, each with its look and the figures of its legend."""
    moments, columns = joined(frames)
    calcs = [text(each) for each in items(mapping(panel.options.get("legend")).get("calcs"))]
    shown = [_line(column, look, calcs) for column in columns if column.kind in (NUMBER, TEXT)]
    return {"times": moments, "series": [each for each in shown if each]}


def _line(column: Field, look: Look, calcs: Sequence[str]) -> dict[str, Any] | None:
    config = look.of(column)
    if is_hidden(config):
        return None
    return {
        "name": shown_name(config, column),
        "ref": column.ref,
        "labels": dict(column.labels),
        "values": _negative(column.values) if _is_negative(config) else list(column.values),
        "config": described(config),
        "figures": {calc: reduce(calc, column.values) for calc in calcs},
    }


def _is_negative(config: Mapping[str, Any]) -> bool:
    return mapping(config.get("custom")).get("transform") == "negative-Y"


def _negative(values: Sequence[Any]) -> list[Any]:
    return [None if each is None else -each for each in values]


def singles(frames: Sequence[Frame], look: Look, panel: Panel) -> list[dict[str, Any]]:
    """Return one value for each column (or for each row), with the line behind it."""
    options = mapping(panel.options.get("reduceOptions"))
    calc = text(next(iter(items(options.get("calcs"))), "")) or "lastNotNull"
    pattern = text(options.get("fields"))
    columns = [(frame, each) for frame in frames for each in frame.fields if _is_shown(each, pattern)]
    if flag(options.get("values")):
        most = whole(options.get("limit"), MOST_VALUES, 1, MOST_VALUES)
        return [each for frame, column in columns for each in _rows(frame, column, look)][:most]
    return [_single(frame, column, look, calc) for frame, column in columns
            if not is_hidden(look.of(column))][:MOST_VALUES]  # fmt: skip


def _is_shown(column: Field, pattern: str) -> bool:
    if not pattern:
        return column.kind == NUMBER
    compiled = compiled_pattern(pattern)
    return column.title == pattern or bool(compiled and compiled.search(column.title))


def _single(frame: Frame, column: Field, look: Look, calc: str) -> dict[str, Any]:
    config = look.of(column)
    return {
        "name": shown_name(config, column),
        "labels": dict(column.labels),
        "value": reduce(calc, column.values),
        "config": described(config),
        "times": thinned(times_of(frame)),
        "line": thinned(column.values),
    }


def _rows(frame: Frame, column: Field, look: Look) -> list[dict[str, Any]]:
    """Return one value for each row, named by the texts of the row."""
    config, names = described(look.of(column)), [each for each in frame.fields if each.kind == TEXT]
    return [
        {
            "name": " ".join(text(each.values[row]) for each in names) or column.title,
            "labels": {},
            "value": value,
            "config": config,
        }
        for row, value in enumerate(column.values[:MOST_VALUES])
    ]


def thinned(values: Sequence[Any]) -> list[Any]:
    """Return at most as many values as a small line has pixels."""
    stride = -(-len(values) // SPARK_POINTS) or 1
    return list(values[::-1][::stride][::-1])


def tables(frames: Sequence[Frame], look: Look) -> dict[str, Any]:
    """Return the frames as tables; frames of one row and alike columns become one table."""
    return {"tables": [_table(frame, look) for frame in _put_together(frames)]}


def _put_together(frames: Sequence[Frame]) -> list[Frame]:
    """Return the series of instant queries as one table instead of a table of one row for each."""
    singles_ = [frame for frame in frames if frame.length <= 1 and any(each.labels for each in frame.fields)]
    if len(singles_) < 2 or len(singles_) != len(frames):
        return list(frames)
    names = [frame.fields[-1].title for frame in singles_]
    values = [frame.fields[-1].values[0] if frame.fields[-1].values else None for frame in singles_]
    return [Frame([Field("Name", TEXT, names), Field("Value", NUMBER, values)], frames[0].ref)]


def _table(frame: Frame, look: Look) -> dict[str, Any]:
    columns = [(each, look.of(each)) for each in frame.fields]
    return {
        "name": frame.name or next((each.title for each in frame.fields if each.kind == NUMBER), ""),
        "rows": frame.length,
        "columns": [
            {
                "name": shown_name(config, each),
                "kind": each.kind,
                "values": list(each.values[:MOST_ROWS]),
                "config": described(config),
            }
            for each, config in columns
            if not is_hidden(config)
        ],
    }


def heat(frames: Sequence[Frame], panel: Panel) -> dict[str, Any]:
    """Return the cells of a heat map: for each bucket, from the lowest, its counts over time."""
    columns_of = [frame for frame in frames if frame.of_kind(NUMBER)]
    if any("le" in each.labels for frame in columns_of for each in frame.fields) and not _is_counted(panel):
        columns_of = bucketed(columns_of)
    moments, columns = joined(columns_of)
    rows = sorted((each for each in columns if each.kind == NUMBER), key=bound)
    unit = text(mapping(panel.options.get("yAxis")).get("unit")) or text(panel.defaults.get("unit"))
    return {
        "times": moments,
        "buckets": [each.labels.get("le") or each.title for each in rows],
        "cells": [list(each.values) for each in rows],
        "unit": unit,
    }


def _is_counted(panel: Panel) -> bool:
    """Tell whether the buckets were taken apart already, by the format of the query."""
    return any(target.format == "heatmap" for target in panel.targets)
