"""Durations as Go writes and reads them: `90s`, `1m30s`, `1h0m0s`, or a number of nanoseconds."""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PIECE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def seconds(value: object) -> float:
    """Read a duration; raise ValueError when it is none. Nothing at all is 0."""
    if value is None or value == "":
        return 0.0
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value / 1e9
    text = str(value)
    if text in ("0", "+0", "-0"):
        return 0.0
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    pieces = _PIECE.findall(digits)
    if not pieces or "".join(number + unit for number, unit in pieces) != digits:
        raise ValueError(f'time: invalid duration "{text}"')
    return float(sign * sum(float(number) * _UNITS[unit] for number, unit in pieces))


def text(value: float) -> str:
    """Write a duration in Go's way."""
    if value == 0:
        return "0s"
    if value < 1:
        return f"{_number(value * 1000)}ms"
    whole = int(value)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60 + (value - whole)
    if hours:
        return f"{hours}h{minutes}m{_number(rest)}s"
    return f"{minutes}m{_number(rest)}s" if minutes else f"{_number(rest)}s"


def _number(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")
