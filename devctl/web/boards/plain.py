"""Reads JSON of unknown authors: every accessor returns the type that its name says, whatever the document holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LONGEST_TEXT = 100_000
"""Titles, queries and texts are cut here: a text panel of 10 MB would stop the page, and no board of people has one."""
LARGEST_EXACT = 1 << 53
"""Up to here JSON's numbers are whole ones without loss, such as ids made of hashes."""


def text(value: Any, default: str = "") -> str:
    """Return a text; numbers and truth values as JSON writes them, anything else as `default`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_EXACT:
        return str(int(value))
    return str(value) if isinstance(value, int | float) else default


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object, empty where there is none."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return a list, empty where there is none."""
    return value if isinstance(value, list) else []


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list."""
    return [item for item in items(value) if isinstance(item, dict)]


def number(value: Any, default: float = 0.0) -> float:
    """Return a finite number."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value):
        return float(value)
    return default


def whole(value: Any, default: int, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    return int(min(max(number(value, default), least), most))


def flag(value: Any) -> bool:
    """Return whether a value is JSON's true."""
    return value is True
