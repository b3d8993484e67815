"""Time ranges as Grafana writes them (`now-15m`, `now/d`, milliseconds) and the step that a query is asked with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_629_800, "y": 31_557_600}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdwMy])")
MOST_POINTS = 11_000
"""Prometheus answers no more points of one series."""
_NICE_SECONDS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800,
    21_600, 43_200, 86_400, 604_800, 2_592_000, 31_536_000,
)  # fmt: skip
"""The steps that Grafana rounds to, so that pages of nearly the same width ask the same."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From when to when, in Unix seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return max(self.end - self.start, 1.0)


def seconds(text: str, default: float = 0.0) -> float:
    """Return the seconds of a span such as `5m` or `1h30m`; `>` before it, as boards write for a least step, is left
    out."""
    parts = _SPAN.findall(text.lstrip("> "))
    return sum(float(number) * UNITS[unit] for number, unit in parts) if parts else default


def moment(text: str, now: float, *, is_end: bool = False) -> float:
    """Return the Unix seconds of a time as Grafana's addresses write it; ValueError for what is none."""
    text = text.strip()
    if text.isdecimal():
        return float(text) / 1000
    if text.startswith("now"):
        return _relative(text[3:], now, is_end=is_end)
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _relative(text: str, now: float, *, is_end: bool) -> float:
    at = datetime.fromtimestamp(now).astimezone()
    for sign, number, unit in re.findall(r"([+\-/])(\d{0,6})(ms|[smhdwMQy]f?|fQ|fy)", text):
        if sign == "/":
            at = _rounded(at, unit[0], is_end=is_end)
        else:
            at += timedelta(seconds=(-1 if sign == "-" else 1) * int(number or 1) * UNITS.get(unit, UNITS["M"] * 3))
    if not re.fullmatch(r"(?:[+\-/]\d{0,6}(?:ms|[smhdwMQy]f?|fQ|fy))*", text):
        raise ValueError(f"{text!r} is no time")
    return at.timestamp()


def _rounded(at: datetime, unit: str, *, is_end: bool) -> datetime:
    """Return the begin (or end) of the minute, hour, day, week, month or year of `at`."""
    floor = at.replace(second=0, microsecond=0)
    if unit in "hdwMy":
        floor = floor.replace(minute=0)
    if unit in "dwMy":
        floor = floor.replace(hour=0)
    if unit == "w":
        floor -= timedelta(days=floor.weekday())
    if unit in "My":
        floor = floor.replace(day=1)
    if unit == "y":
        floor = floor.replace(month=1)
    return _next(floor, unit) if is_end else floor


def _next(floor: datetime, unit: str) -> datetime:
    if unit == "M":
        return (floor + timedelta(days=32)).replace(day=1)
    if unit == "y":
        return floor.replace(year=floor.year + 1)
    return floor + timedelta(seconds=UNITS[unit])


def time_range(start: str, end: str, now: float) -> TimeRange:
    """Return the range of an address; a reversed one is turned round."""
    first, last = moment(start, now), moment(end, now, is_end=True)
    return TimeRange(min(first, last), max(first, last))


def step(span: TimeRange, points: int, least: float) -> float:
    """Return the seconds between two points: at least `least`, a number that people count in, never too many points."""
    wish = max(span.seconds / max(points, 1), least)
    fewest = max(wish * 0.75, span.seconds / MOST_POINTS)
    return max(next((each for each in _NICE_SECONDS if each >= fewest), fewest), least)


def aligned(span: TimeRange, step_seconds: float) -> TimeRange:
    """Return the range on whole steps, so that two tabs ask for the same points."""
    end = span.end // step_seconds * step_seconds
    return TimeRange(span.start // step_seconds * step_seconds, end)


def short(seconds_: float) -> str:
    """Return a span as PromQL writes it."""
    if seconds_ < 1:
        return f"{max(round(seconds_ * 1000), 1)}ms"
    return f"{round(seconds_)}s"
