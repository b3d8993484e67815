"""Durations as Go writes and reads them: `90s`, `1m30s`, `1h0m0s`, or a number of nanoseconds."""

from __future__ import annotations

from devctl.text import DURATION_UNITS, parse_duration

_UNITS = {unit: seconds for unit, seconds in DURATION_UNITS.items() if unit != "d"}  # Go has no days


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
    try:
        return sign * parse_duration(digits, units=_UNITS)
    except ValueError:
        raise ValueError(f'time: invalid duration "{text}"') from None


def text(value: float) -> str:
    """Write a duration of so many seconds in Go's way."""
    return nanoseconds_text(round(value * 1e9))


def nanoseconds_text(value: int) -> str:
    """Write a duration of so many nanoseconds in Go's way: `1.5ms`, `-2µs`, `1h0m0s`."""
    sign, rest = ("-", -value) if value < 0 else ("", value)
    if rest == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if rest < size * 1000:
            return f"{sign}{_decimal(rest, size)}{unit}"
    minutes, rest = divmod(rest, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    leading = (f"{hours}h{minutes}m" if hours else f"{minutes}m") if hours or minutes else ""
    return f"{sign}{leading}{_decimal(rest, 1_000_000_000)}s"


def _decimal(value: int, size: int) -> str:
    whole, part = divmod(value, size)
    digits = str(part).rjust(len(str(size)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
