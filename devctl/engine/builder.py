"""What every builder is asked and answers: how to build, and why it gave up. Does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devctl.engine.images import Progress

LAST_LINES = 20
"""How many lines of a failing step are kept for people."""

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class How:
    """What is asked of a build beyond the manifest."""

    force: bool = False  # every step anew
    pull: bool = False  # newer bases
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """What a builder said when it gave up: the error, the instruction and its line where it says them."""

    error: str
    step: str = ""
    line: int = 0
    lines: tuple[str, ...] = ()
