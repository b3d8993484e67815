"""Grafana boards read from their JSON: which panels there are and what each asks of Prometheus.

Only what a terminal can show is taken from the classic dashboard model: title, kind, unit, queries, legends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOWN = frozenset({"timeseries", "stat", "gauge", "bargauge", "table", "heatmap", "barchart", "piechart", "histogram"})

FOLDER = "dashboards"
"""Where boards lie beside the manifest; Grafana's recipe reads them too."""

NAMELESS = "value"
"""What a series without labels is called."""


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel; `legend` has `{{label}}` where a label's value goes."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel with its queries."""

    title: str
    kind: str
    unit: str
    row: str
    description: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One board. `variables` are its variables with what they stand for when nobody chooses."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    variables: Mapping[str, str]


def load_all(folder: Path) -> list[Board]:
    """Return the boards of a folder by title; files that are no board are passed over."""
    boards = [load(path) for path in sorted(folder.glob("*.json"))]
    return sorted((board for board in boards if board), key=lambda board: board.title)


def load(path: Path) -> Board | None:
    """Return the board in a file, None when it holds none."""
    try:
        model = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(model, dict) or "panels" not in model:
        return None
    return Board(
        uid=str(model.get("uid") or path.stem),
        title=str(model.get("title", path.stem)),
        panels=tuple(_panels(model["panels"])),
        variables={
            variable["name"]: _usual(variable)
            for variable in model.get("templating", {}).get("list", [])
            if variable.get("type") != "datasource"
        },
    )


def _usual(variable: Mapping[str, Any]) -> str:
    """What a variable stands for: everything where it may, else its current value."""
    current = (variable.get("current") or {}).get("value")
    if variable.get("includeAll") or current in (None, "", "$__all", ["$__all"]):
        return str(variable.get("allValue") or ".*")
    return "|".join(current) if isinstance(current, list) else str(current)


def _panels(models: Sequence[Mapping[str, Any]], row: str = "") -> Iterator[Panel]:
    for model in models:
        if model.get("type") == "row":
            row = str(model.get("title", ""))
            yield from _panels(model.get("panels", []), row)
        elif model.get("type") in SHOWN:
            yield _panel(model, row)


def _panel(model: Mapping[str, Any], row: str) -> Panel:
    defaults = model.get("fieldConfig", {}).get("defaults", {})
    targets = (
        Target(str(target["expr"]), str(target.get("legendFormat") or ""))
        for target in model.get("targets", [])
        if target.get("expr")
    )
    return Panel(
        title=str(model.get("title", "")),
        kind=str(model["type"]),
        unit=str(defaults.get("unit", "")),
        row=row,
        description=str(model.get("description", "")),
        targets=tuple(targets),
    )


def expression(target: Target, variables: Mapping[str, str], *, step_seconds: float, range_seconds: float) -> str:
    """Return a query as Prometheus takes it, Grafana's own variables filled in."""
    values = {
        "__rate_interval": f"{max(int(step_seconds * 4), 60)}s",
        "__interval": f"{max(int(step_seconds), 1)}s",
        "__range": f"{int(range_seconds)}s",
        "__range_s": str(int(range_seconds)),
        **variables,
    }

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return values.get(name, match[0])

    return re.sub(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))", value, target.expression)


def legend(target: Target, labels: Mapping[str, str]) -> str:
    """Return the name of a series in its panel."""
    if target.legend and target.legend != "__auto":
        return re.sub(r"\{\{\s*([\w.]+)\s*\}\}", lambda match: labels.get(match[1], ""), target.legend)
    shown = {key: value for key, value in labels.items() if key != "__name__"}
    return ", ".join(f"{key}={value}" for key, value in sorted(shown.items())) or labels.get("__name__", NAMELESS)
