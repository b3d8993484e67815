"""Boards on a terminal: a line for each series with its course, its range and its last value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from devctl import text
from devctl.queries.boards import NAMELESS, Board, Panel
from devctl.queries.prometheus import Series
from devctl.render.table import cut, width

if TYPE_CHECKING:
    from devctl.render.terminal import Terminal

_STEPS = "▁▂▃▄▅▆▇█"
_SHADES = " ░▒▓█"
_MOST_SERIES = 12
_SCALES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_ONE_VALUE = frozenset({"stat", "gauge", "bargauge", "table", "piechart", "barchart"})

Named = tuple[str, Series]


Window = tuple[float, float, float]
"""Begin and end in Unix seconds, and the seconds of a step."""


def panel_lines(
    panel: Panel, series: Sequence[Named], terminal: Terminal, *, window: Window | None = None
) -> list[str]:
    """Return the lines of one panel; one that has nothing to show says so. With `window` courses stand in time."""
    lines = [terminal.paint(text.clean(panel.title), "bold")]
    shown = [(name, single) for name, single in series if any(not math.isnan(value) for _, value in single.points)]
    if not shown:
        return [*lines, terminal.paint("  no data", "dim")]
    if panel.kind == "heatmap" and all("le" in single.labels for _, single in shown):
        return [*lines, *_heat(panel, [single for _, single in shown], window, terminal)]
    if len(shown) == 1 and shown[0][0] == NAMELESS:  # the title says it all
        shown = [("", shown[0][1])]
    column = min(max(width(text.clean(name)) for name, _ in shown[:_MOST_SERIES]), 44)
    room = max(min(terminal.width, 160) - column - 42, 10)
    highest = max((single.last for _, single in shown if not math.isnan(single.last)), default=0.0)
    for name, single in shown[:_MOST_SERIES]:
        label = cut(text.clean(name), column)
        padded = "  " + label + " " * (column - width(label))
        lines.append(f"{padded}  {_course(panel, single, highest, room, window, terminal)}")
    if len(shown) > _MOST_SERIES:
        lines.append(terminal.paint(f"  … and {len(shown) - _MOST_SERIES} more series", "dim"))
    return lines


def _heat(panel: Panel, series: Sequence[Series], window: Window | None, terminal: Terminal) -> list[str]:
    """Return a row for each bucket that something fell into, the highest on top; the shade tells how much."""
    counts = _by_bucket(series, window)
    while counts and not any(counts[-1][1]):
        counts.pop()
    while counts and not any(counts[0][1]):
        counts.pop(0)
    most = max((max(course) for _, course in counts), default=0.0)
    names = [f"≤ {value(bound, panel.unit)}" if math.isfinite(bound) else "more" for bound, _ in counts]
    column = max(map(len, names), default=0)
    room = max(min(terminal.width, 160) - column - 6, 10)
    return [
        f"  {name:>{column}}  {terminal.paint(_shades(course, most, room), 'cyan')}".rstrip()
        for name, (_, course) in reversed(list(zip(names, counts, strict=True)))
    ]


def _by_bucket(series: Sequence[Series], window: Window | None) -> list[tuple[float, list[float]]]:
    """Return what fell into each bucket in the course of time, by its bound: Prometheus' buckets hold the smaller
    ones, too."""
    buckets: list[tuple[float, list[float]]] = []
    below: list[float] = []
    for bucket in sorted(series, key=lambda bucket: float(bucket.labels["le"])):
        values = in_time(bucket, *window) if window else [number for _, number in bucket.points]
        reached = [0.0 if math.isnan(number) else number for number in values]
        below += [0.0] * (len(reached) - len(below))
        buckets.append((float(bucket.labels["le"]), [max(a - b, 0.0) for a, b in zip(reached, below, strict=False)]))
        below = [max(a, b) for a, b in zip(reached, below, strict=False)]
    return buckets


def _shades(course: Sequence[float], most: float, room: int) -> str:
    chunk = max(-(-len(course) // room), 1)
    means = [_mean(course[i : i + chunk]) for i in range(0, len(course), chunk)]
    top = len(_SHADES) - 1
    return "".join(_SHADES[math.ceil(mean / most * top) if most and mean > most / 1000 else 0] for mean in means)


def board_head(board: Board, terminal: Terminal) -> str:
    """Return the line above a board."""
    return terminal.paint(f"{text.clean(board.title)}  ({text.clean(board.uid)})", "bold", "cyan")


def _course(panel: Panel, series: Series, highest: float, room: int, window: Window | None, terminal: Terminal) -> str:
    last = value(series.last, panel.unit)
    if panel.kind in _ONE_VALUE:
        return f"{last:>12}  {terminal.paint(_bar(series.last, highest, panel, room), 'cyan')}".rstrip()
    values = in_time(series, *window) if window else [number for _, number in series.points]
    finite = [number for number in values if not math.isnan(number)]
    drawn = terminal.paint(sparkline(values, room), "cyan")
    low, high = value(min(finite), panel.unit), value(max(finite), panel.unit)
    return f"{last:>12}  {drawn}  {terminal.paint(f'{low} … {high}', 'dim')}"


def _bar(number: float, highest: float, panel: Panel, room: int) -> str:
    if panel.kind == "stat" or math.isnan(number) or number <= 0:
        return ""
    whole = 1.0 if panel.unit == "percentunit" else 100.0 if panel.unit == "percent" else highest
    return "█" * max(round(min(number / whole, 1.0) * min(room, 30)), 1) if whole > 0 else ""


def sparkline(values: Sequence[float], room: int) -> str:
    """Return a course as one line of at most `room` characters; gaps where there is no number."""
    chunk = max(-(-len(values) // room), 1)
    points = [_mean(values[i : i + chunk]) for i in range(0, len(values), chunk)]
    finite = [point for point in points if not math.isnan(point)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    span = (high - low) or 1.0
    top = len(_STEPS) - 1
    flat = 0 if high == 0 else top // 2
    return "".join(
        " " if math.isnan(point) else _STEPS[flat if high == low else round((point - low) / span * top)]
        for point in points
    )


def in_time(series: Series, begin: float, end: float, step: float) -> list[float]:
    """Return the values of a window by time, one for each step, NaN where there is none."""
    values = [math.nan] * (int((end - begin) / step + 0.5) + 1)
    for moment, number in series.points:
        index = int((moment - begin) / step + 0.5)
        if 0 <= index < len(values):
            values[index] = number
    return values


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def value(number: float, unit: str) -> str:
    """Return a number with its Grafana unit as people write it."""
    if not math.isfinite(number):
        return "–"
    match unit:
        case "s":
            return text.duration(number) if number >= 0.001 or number == 0 else f"{number * 1e6:.0f} µs"
        case "ms":
            return text.duration(number / 1000)
        case "bytes" | "decbytes":
            return text.size(number)
        case "percentunit":
            return f"{number:.1%}"
        case "percent":
            return f"{number:.1f}%"
        case "bool_yes_no":
            return "yes" if number else "no"
    suffix = {"reqps": "/s", "ops": "/s", "cps": "/s", "eps": "/s", "mps": "/s", "wps": "/s", "Bps": " B/s"}.get(
        unit, ""
    )
    for scale, prefix in _SCALES:
        if abs(number) >= scale:
            return f"{number / scale:.4g} {prefix}{suffix}"
    return f"{number:.4g}{suffix}"
