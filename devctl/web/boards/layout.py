"""Where the panels of a board stand once its variables are known: what repeats is drawn several times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from devctl.web.boards.interpolation import Value
from devctl.web.boards.model import COLUMNS, Grid, Panel

MOST_CLONES = 100
"""So often is one panel or row repeated; a variable of thousands of values would otherwise stop the page."""


def laid_out(panels: Sequence[Panel], values: Mapping[str, Value]) -> list[Panel]:
    """Return every panel and row of the page from top to bottom, with its children in rows, on a grid without holes
    that repeating would leave."""
    done: list[Panel] = []
    y = 0
    loose = [panel for panel in panels if panel.kind != "row"]
    placed, y = _placed(loose, values, y)
    done += placed
    for row in (panel for panel in panels if panel.kind == "row"):
        for clone in _clones(row, values):
            head = replace(clone, grid=Grid(0, y, COLUMNS, 1))
            inside, bottom = _placed(_inherit(clone), values, y + 1)
            done.append(replace(head, panels=inside))
            y = y + 1 if clone.is_collapsed else bottom
    return done


def _inherit(row: Panel) -> list[Panel]:
    """Return the panels of a row, each knowing what the row was repeated for."""
    if not row.scope:
        return list(row.panels)
    suffix = row.id.partition("-")[2]
    named = f"-{suffix}" if suffix else ""
    return [replace(panel, id=panel.id + named, scope={**row.scope, **panel.scope}) for panel in row.panels]


def _clones(panel: Panel, values: Mapping[str, Value]) -> list[Panel]:
    """Return the panel once for each value of the variable that it repeats by; itself without one."""
    value = values.get(panel.repeat.variable) if panel.repeat.variable else None
    if value is None or panel.repeat.variable in panel.scope or not value.values:
        return [panel]
    return [
        replace(panel, id=f"{panel.id}-{number}" if number else panel.id, scope={panel.repeat.variable: (each,)})
        for number, each in enumerate(value.values[:MOST_CLONES])
    ]


def _placed(panels: Sequence[Panel], values: Mapping[str, Value], top: int) -> tuple[list[Panel], int]:
    """Return the panels with their clones from `top` on, and where they end. Whatever stands below a panel that
    grew by repeating moves down by as much."""
    if not panels:
        return [], top
    first = min(panel.grid.y for panel in panels)
    done: list[Panel] = []
    added = 0
    for panel in sorted(panels, key=lambda panel: (panel.grid.y, panel.grid.x)):
        clones = _clones(panel, values)
        moved = replace(panel.grid, y=panel.grid.y - first + top + added)
        if len(clones) == 1 and not panel.repeat.variable:
            done.append(replace(clones[0], grid=moved))
            continue
        spread = _spread(clones, moved)
        done += spread
        added += max(clone.grid.y + clone.grid.h for clone in spread) - moved.y - moved.h
    return done, max(panel.grid.y + panel.grid.h for panel in done)


def _spread(clones: Sequence[Panel], grid: Grid) -> list[Panel]:
    """Return the clones below each other, or side by side over the whole width."""
    if clones[0].repeat.is_vertical:
        return [replace(clone, grid=replace(grid, y=grid.y + n * grid.h)) for n, clone in enumerate(clones)]
    in_row = min(len(clones), clones[0].repeat.most_in_row)
    width = COLUMNS // in_row
    return [
        replace(clone, grid=Grid(n % in_row * width, grid.y + n // in_row * grid.h, width, grid.h))
        for n, clone in enumerate(clones)
    ]


def flat(panels: Iterable[Panel]) -> list[Panel]:
    """Return all panels, those in rows after their row."""
    return [each for panel in panels for each in (panel, *panel.panels)]
