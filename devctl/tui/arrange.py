"""Which panes are on the screen, by its size. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST = (60, 15)
TWO_PANES = 110
THREE_PANES = (190, 40)
THREE = ("overview", "logs", "traces")
_COMPANIONS = {
    "overview": ("overview", "details"), "logs": ("overview", "logs"), "traces": ("traces", "trace"),
    "journey": ("journey", "trace"), "map": ("map", "details"), "metrics": ("overview", "metrics"),
    "events": ("events", "logs"), "runs": ("runs", "why"),
}  # fmt: skip
_SHARES = {("overview", "logs"): (4, 9), ("overview", "metrics"): (4, 9), ("overview", "details"): (7, 5)}
SIDES = ("details", "why", "trace")
"""Panes that stand beside a view and are no view of their own."""


@dataclass(frozen=True, slots=True)
class Pane:
    """A pane and its share of the width."""

    name: str
    share: int = 1


def is_too_small(width: int, height: int) -> bool:
    """Tell whether nothing useful fits."""
    return width < SMALLEST[0] or height < SMALLEST[1]


def panes(width: int, height: int, view: str, side: str = "", *, zoomed: str = "") -> list[Pane]:
    """Return the panes from left to right. `side`: the pane beside the view that was asked for."""
    if zoomed:
        return [Pane(zoomed)]
    if width < TWO_PANES:
        return [Pane(side or view)]
    if width >= THREE_PANES[0] and height >= THREE_PANES[1] and view in THREE:
        names = [*THREE[:2], side] if side and view != "traces" else ["overview", "traces", side] if side else THREE
        return [Pane(name, share) for name, share in zip(names, (5, 6, 5), strict=True)]
    pair = (view, side) if side else _COMPANIONS[view]
    return [Pane(name, share) for name, share in zip(pair, _SHARES.get(pair, (1, 1)), strict=True)]
