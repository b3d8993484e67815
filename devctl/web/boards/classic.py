"""Reads the classic schema of boards (36 to 42, and older ones as far as their panels have a successor)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from devctl.web.boards import legacy
from devctl.web.boards.model import (
    COLUMNS,
    Annotation,
    Board,
    DataSource,
    Grid,
    Option,
    Panel,
    Repeat,
    Target,
    Variable,
)
from devctl.web.boards.plain import flag, items, mapping, number, objects, text, whole

MOST_PANELS = 1_000
"""More panels no page holds; Grafana's own largest boards have about two hundred."""
MOST_HEIGHT = 200


class _Numbers:
    """Gives every panel an id that no other of the board has; what its author gave comes first."""

    def __init__(self, models: list[Mapping[str, Any]]) -> None:
        inner = [each for model in models for each in objects(model.get("panels"))]
        self._reserved = {text(model.get("id")) for model in (*models, *inner)}
        self._taken: set[str] = set()
        self._last = 0

    def take(self, value: Any) -> str:
        id = text(value)
        if id in ("", "0") or id in self._taken:
            id = self._free()
        self._taken.add(id)
        return id

    def _free(self) -> str:
        self._last += 1
        while str(self._last) in self._taken | self._reserved:
            self._last += 1
        return str(self._last)


def board(document: Mapping[str, Any], fallback_uid: str) -> Board:
    """Return the board of a classic document."""
    document = legacy.upgraded(document)
    time = mapping(document.get("time"))
    return Board(
        uid=text(document.get("uid")) or fallback_uid,
        title=text(document.get("title")) or fallback_uid,
        description=text(document.get("description")),
        tags=tuple(text(tag) for tag in items(document.get("tags"))),
        time_from=text(time.get("from")) or "now-6h",
        time_to=text(time.get("to")) or "now",
        refresh=text(document.get("refresh")) if document.get("refresh") is not False else "",
        crosshair=whole(document.get("graphTooltip"), 0, 0, 2),
        panels=_panels(objects(document.get("panels"))[:MOST_PANELS]),
        variables=[_variable(each) for each in objects(mapping(document.get("templating")).get("list"))],
        annotations=list(_annotations(document)),
        links=objects(document.get("links")),
        schema=text(document.get("schemaVersion")),
    )


def _panels(models: list[Mapping[str, Any]]) -> list[Panel]:
    """Return the rows and panels in their order; panels under an open row become its children, as those of a closed
    one are in the file."""
    numbers = _Numbers(models)
    return list(_under_rows([_panel(model, numbers) for model in sorted(models, key=_order)]))


def _order(model: Mapping[str, Any]) -> tuple[float, float]:
    position = mapping(model.get("gridPos"))
    return number(position.get("y")), number(position.get("x"))


def _under_rows(panels: list[Panel]) -> Iterator[Panel]:
    row: Panel | None = None
    below: list[Panel] = []
    for panel in panels:
        if panel.kind == "row":
            if row:
                yield _row_with(row, below)
            row, below = panel, list(panel.panels)
        elif row:
            below.append(panel)
        else:
            yield panel
    if row:
        yield _row_with(row, below)


def _row_with(row: Panel, below: list[Panel]) -> Panel:
    from dataclasses import replace

    return replace(row, panels=below)


def _panel(model: Mapping[str, Any], numbers: _Numbers) -> Panel:
    model = legacy.panel(model)
    config = mapping(model.get("fieldConfig"))
    source = data_source(model.get("datasource"))
    kind = text(model.get("type")) or "unknown"
    inner = objects(model.get("panels")) if kind == "row" else []
    return Panel(
        id=numbers.take(model.get("id")),
        kind=kind,
        title=text(model.get("title")),
        grid=_grid(model, kind),
        description=text(model.get("description")),
        source=source,
        targets=[target(each, source, number) for number, each in enumerate(objects(model.get("targets")))],
        options=mapping(model.get("options")),
        defaults=mapping(config.get("defaults")),
        overrides=objects(config.get("overrides")),
        transformations=objects(model.get("transformations")),
        links=objects(model.get("links")),
        repeat=_repeat(model),
        interval=text(model.get("interval")),
        most_points=whole(model.get("maxDataPoints"), 0, 0, 11_000),
        time_from=text(model.get("timeFrom")),
        time_shift=text(model.get("timeShift")),
        is_transparent=flag(model.get("transparent")),
        is_collapsed=flag(model.get("collapsed")),
        panels=[_panel(each, numbers) for each in sorted(inner, key=_order) if each.get("type") != "row"],
    )


def _grid(model: Mapping[str, Any], kind: str) -> Grid:
    position = mapping(model.get("gridPos"))
    width = whole(position.get("w"), COLUMNS if kind == "row" else 12, 1, COLUMNS)
    return Grid(
        x=whole(position.get("x"), 0, 0, COLUMNS - width),
        y=whole(position.get("y"), 0, 0, 1_000_000),
        w=width,
        h=1 if kind == "row" else whole(position.get("h"), 8, 1, MOST_HEIGHT),
    )


def _repeat(model: Mapping[str, Any]) -> Repeat:
    return Repeat(
        text(model.get("repeat")), model.get("repeatDirection") == "v", whole(model.get("maxPerRow"), 4, 1, COLUMNS)
    )


def data_source(value: Any) -> DataSource:
    """Return a data source that is named (as boards did before schema 33) or referred to by kind and uid."""
    if isinstance(value, str):
        return DataSource("", value)
    reference = mapping(value)
    return DataSource(text(reference.get("type")), text(reference.get("uid")))


def target(model: Mapping[str, Any], source: DataSource, number: int) -> Target:
    """Return one query; without a data source of its own it goes where its panel's go."""
    explicit = data_source(model.get("datasource"))
    is_instant = flag(model.get("instant"))
    return Target(
        ref=text(model.get("refId")) or chr(ord("A") + number % 26),
        expression=text(model.get("expr")) or text(model.get("query")) or text(model.get("expression")),
        source=explicit if explicit.kind or explicit.uid else source,
        legend=text(model.get("legendFormat")),
        is_instant=is_instant,
        is_range=flag(model.get("range")) or not is_instant,
        format=text(model.get("format")) or "time_series",
        wants_exemplars=flag(model.get("exemplar")),
        interval=text(model.get("interval")),
        is_hidden=flag(model.get("hide")),
        model=model,
    )


def _variable(model: Mapping[str, Any]) -> Variable:
    query = model.get("query")
    if isinstance(query, dict):
        query = text(query.get("query")) or text(query.get("expr")) or _structured(query)
    return Variable(
        name=text(model.get("name")),
        kind=text(model.get("type")) or "custom",
        label=text(model.get("label")) or text(model.get("name")),
        query=text(model.get("definition")) if not query else text(query),
        options=[Option(text(each.get("text")), text(each.get("value"))) for each in objects(model.get("options"))],
        current=_filters(model) if model.get("type") == "adhoc" else _current(model),
        is_multi=flag(model.get("multi")),
        includes_all=flag(model.get("includeAll")),
        all_value=text(model.get("allValue")),
        regex=text(model.get("regex")),
        sort=whole(model.get("sort"), 0, 0, 8),
        hide=whole(model.get("hide"), 0, 0, 2),
        source=data_source(model.get("datasource")),
        has_auto=flag(model.get("auto")),
        auto_count=whole(model.get("auto_count"), 30, 1, 1_000),
        auto_least=text(model.get("auto_min")) or "10s",
    )


def _current(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the board has chosen of a variable."""
    current = mapping(model.get("current")).get("value")
    if isinstance(current, list):
        return tuple(text(each) for each in current)
    return (text(current),) if current else ()


def _filters(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ad hoc filters of a board as an address writes them."""
    return tuple("|".join(text(each.get(key)) for key in ("key", "operator", "value"))
                 for each in objects(model.get("filters")))  # fmt: skip


def _structured(query: Mapping[str, Any]) -> str:
    """Return the text of a Prometheus variable query that its editor wrote as fields."""
    label, metric = text(query.get("label")), text(query.get("metric"))
    if label:
        return f"label_values({metric}, {label})" if metric else f"label_values({label})"
    return ""


def _annotations(document: Mapping[str, Any]) -> Iterator[Annotation]:
    for model in objects(mapping(document.get("annotations")).get("list")):
        query = mapping(model.get("target"))
        expression = text(model.get("expr")) or text(query.get("expr"))
        if not expression:
            continue
        yield Annotation(
            name=text(model.get("name")),
            expression=expression,
            source=data_source(model.get("datasource")),
            color=text(model.get("iconColor")),
            title=text(model.get("titleFormat")),
            text=text(model.get("textFormat")),
            tags=text(model.get("tagKeys")),
            step=text(model.get("step")) or text(query.get("interval")),
            is_enabled=model.get("enable") is not False,
            is_hidden=flag(model.get("hide")),
        )
