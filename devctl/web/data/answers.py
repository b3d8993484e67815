"""Prometheus' answers as frames: series on the grid of their step, tables of newest values, buckets of heat maps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from devctl.web.boards.interpolation import Values, fill
from devctl.web.boards.model import Target
from devctl.web.data.frames import NUMBER, TEXT, TIME, Field, Frame
from devctl.web.data.times import TimeRange

MOST_SERIES = 2_000
"""More lines no drawing shows; the panel says that some are left out."""


def number(text: str) -> float | None:
    """Return a sample's value; None for NaN and infinities, which neither JSON nor drawings know."""
    value = float(text)
    return value if value - value == 0 else None


def name(target: Target, labels: Mapping[str, str], values: Values) -> str:
    """Return what a series is called: by the legend of its query, else as Prometheus writes it."""
    if target.legend and target.legend != "__auto":
        text = fill(target.legend, values)
        return re.sub(r"\{\{\s*([\w.]+)\s*\}\}", lambda match: labels.get(match[1], ""), text)
    pairs = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
    metric = labels.get("__name__", "")
    return f"{metric}{{{pairs}}}" if pairs else metric or target.expression[:200] or "Value"


Result = Sequence[Mapping[str, Any]]
"""The `result` of an answer: one entry for each series."""


def series(result: Result, target: Target, span: TimeRange, step: float, values: Values) -> list[Frame]:
    """Return one frame of times and values for each series of a range query."""
    count = round((span.end - span.start) / step) + 1
    times = [span.start + number * step for number in range(count)]
    return [_on_grid(entry, target, times, step, values) for entry in result[:MOST_SERIES]]


def _on_grid(entry: Mapping[str, Any], target: Target, times: Sequence[float], step: float, values: Values) -> Frame:
    samples = [(float(moment), number(value)) for moment, value in entry.get("values", ())]
    on_grid: list[float | None] = [None] * len(times)
    for moment, value in samples:
        slot = round((moment - times[0]) / step)
        if 0 <= slot < len(on_grid):
            on_grid[slot] = value
    labels = entry.get("metric", {})
    column = Field("Value", NUMBER, on_grid, labels, name(target, labels, values), target.ref)
    return Frame((Field("Time", TIME, times), column), target.ref)


def last_sample(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the time and value of a series; an instant query for a range has several, of which the newest counts."""
    moment, value = entry["value"] if "value" in entry else entry["values"][-1]
    return moment, value


def instants(result: Result, target: Target, values: Values) -> list[Frame]:
    """Return one frame of one row for each series of an instant query."""
    return [_of_one_row(entry, target, values) for entry in result[:MOST_SERIES]]


def _of_one_row(entry: Mapping[str, Any], target: Target, values: Values) -> Frame:
    moment, value = last_sample(entry)
    labels = entry.get("metric", {})
    column = Field("Value", NUMBER, [number(value)], labels, name(target, labels, values), target.ref)
    return Frame((Field("Time", TIME, [float(moment)]), column), target.ref)


def table(result: Result, target: Target, *, is_only: bool) -> Frame:
    """Return all series of a query as one table: time, a column for each label, the value."""
    rows = [row for entry in result[:MOST_SERIES] for row in _rows(entry)]
    names = sorted({key for labels, _, _ in rows for key in labels})
    value_name = "Value" if is_only else f"Value #{target.ref}"
    columns = [
        Field("Time", TIME, [moment for _, moment, _ in rows], ref=target.ref),
        *(Field(key, TEXT, [labels.get(key) for labels, _, _ in rows], ref=target.ref) for key in names),
        Field(value_name, NUMBER, [value for _, _, value in rows], ref=target.ref),
    ]
    return Frame(columns, target.ref)


def _rows(entry: Mapping[str, Any]) -> list[tuple[Mapping[str, str], float, float | None]]:
    samples = [entry["value"]] if "value" in entry else entry.get("values", ())
    return [(entry.get("metric", {}), float(moment), number(value)) for moment, value in samples]


def bucketed(frames: Sequence[Frame]) -> list[Frame]:
    """Return the frames of a histogram's cumulative buckets in their order, each less the one below it."""
    ordered = sorted(frames, key=lambda frame: bound(_column(frame)))
    below: Sequence[float | None] = ()
    done: list[Frame] = []
    for frame in ordered:
        column = _column(frame)
        counts = [_less(value, below[n] if n < len(below) else None) for n, value in enumerate(column.values)]
        below = column.values
        made = Field(column.name, NUMBER, counts, column.labels, column.labels.get("le", column.display), column.ref)
        done.append(Frame((frame.fields[0], made), frame.ref))
    return done


def _column(frame: Frame) -> Field:
    return frame.fields[-1]


def bound(column: Field) -> float:
    """Return the upper bound of a bucket."""
    try:
        return float(column.labels.get("le", column.display))
    except ValueError:
        return float("inf")


def _less(value: float | None, below: float | None) -> float | None:
    return None if value is None else max(value - (below or 0.0), 0.0)
