"""The parts of a board as the rest of the package sees them, whichever schema they were written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COLUMNS = 24
"""Grafana's grid is so many columns wide."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where a query goes. `kind` is Grafana's name of the plug-in, empty where the board leaves it open."""

    kind: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel. `model` is the whole of it, for kinds that have more than an expression."""

    ref: str
    expression: str
    source: DataSource
    legend: str = ""
    is_instant: bool = False
    is_range: bool = True
    format: str = "time_series"
    wants_exemplars: bool = False
    interval: str = ""
    is_hidden: bool = False
    model: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grid:
    """Where a panel stands, in columns and in rows of 38 pixels."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """A panel or row drawn once for each value of a variable."""

    variable: str = ""
    is_vertical: bool = False
    most_in_row: int = 4


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel, or a row with the panels below it. `scope` is what repeating has set its variable to."""

    id: str
    kind: str
    title: str
    grid: Grid
    description: str = ""
    source: DataSource = field(default_factory=DataSource)
    targets: Sequence[Target] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[Mapping[str, Any]] = ()
    transformations: Sequence[Mapping[str, Any]] = ()
    links: Sequence[Mapping[str, Any]] = ()
    repeat: Repeat = field(default_factory=Repeat)
    interval: str = ""
    most_points: int = 0
    time_from: str = ""
    time_shift: str = ""
    is_transparent: bool = False
    is_collapsed: bool = False
    panels: Sequence[Panel] = ()
    scope: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a variable: what people see and what queries get."""

    text: str
    value: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as the board declares it."""

    name: str
    kind: str
    label: str = ""
    query: str = ""
    options: Sequence[Option] = ()
    current: tuple[str, ...] = ()
    is_multi: bool = False
    includes_all: bool = False
    all_value: str = ""
    regex: str = ""
    sort: int = 0
    hide: int = 0
    source: DataSource = field(default_factory=DataSource)
    has_auto: bool = False
    auto_count: int = 30
    auto_least: str = "10s"


@dataclass(frozen=True, slots=True)
class Annotation:
    """Marks over the time axis that a query brings."""

    name: str
    expression: str
    source: DataSource
    color: str = ""
    title: str = ""
    text: str = ""
    tags: str = ""
    step: str = ""
    is_enabled: bool = True
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """One board."""

    uid: str
    title: str
    description: str = ""
    tags: tuple[str, ...] = ()
    time_from: str = "now-6h"
    time_to: str = "now"
    refresh: str = ""
    crosshair: int = 0
    panels: Sequence[Panel] = ()
    variables: Sequence[Variable] = ()
    annotations: Sequence[Annotation] = ()
    links: Sequence[Mapping[str, Any]] = ()
    schema: str = ""
