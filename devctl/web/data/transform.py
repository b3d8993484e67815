"""Grafana's transformations of frames, one function each; what is not here is named, and the panel says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from devctl.web.boards.plain import flag, items, mapping, number, objects, text
from devctl.web.data.fields import matches
from devctl.web.data.frames import NUMBER, TEXT, TIME, Field, Frame, reduce
from devctl.web.data.rows import (
    Options,
    filter_by_value,
    group_by,
    join_by_field,
    limit,
    merge,
    named,
    reduce_rows,
    series_to_rows,
    sort_by,
)

Transformation = Callable[[Sequence[Frame], Options], Sequence[Frame]]


def transformed(frames: Sequence[Frame], steps: Sequence[Options]) -> tuple[Sequence[Frame], list[str]]:
    """Return the frames after all steps, and the names of steps that are not known here."""
    unknown: list[str] = []
    for step in steps:
        name = text(step.get("id"))
        if flag(step.get("disabled")):
            continue
        if name not in TRANSFORMATIONS:
            unknown.append(name)
            continue
        chosen, others = _chosen(frames, mapping(step.get("filter")))
        frames = [*others, *TRANSFORMATIONS[name](chosen, mapping(step.get("options")))]
    return frames, unknown


def _chosen(frames: Sequence[Frame], matcher: Options) -> tuple[Sequence[Frame], Sequence[Frame]]:
    """Split off the frames that a step is not meant for."""
    if text(matcher.get("id")) != "byRefId":
        return frames, ()
    ref = text(matcher.get("options"))
    return [each for each in frames if each.ref == ref], [each for each in frames if each.ref != ref]


def organize(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Leave columns out, order and rename them."""
    excluded = {key for key, value in mapping(options.get("excludeByName")).items() if value}
    included = {key for key, value in mapping(options.get("includeByName")).items() if value}
    order, names = mapping(options.get("indexByName")), mapping(options.get("renameByName"))

    def rank(column: Field) -> float:
        return number(order.get(column.title, order.get(column.name)), 1e6)

    def organized(frame: Frame) -> Frame:
        kept = [each for each in frame.fields if not {each.title, each.name} & excluded]
        kept = [each for each in kept if not included or {each.title, each.name} & included]
        return replace(frame, fields=[_renamed(each, names) for each in sorted(kept, key=rank)])

    return [organized(frame) for frame in frames]


def _renamed(column: Field, names: Options) -> Field:
    name = text(names.get(column.title)) or text(names.get(column.name))
    return replace(column, name=name, display=name) if name else column


def rename_by_regex(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Rename columns by a pattern and what stands for it (`$1` for a group)."""
    from devctl.web.data.fields import compiled_pattern

    pattern = compiled_pattern(text(options.get("regex")))
    if pattern is None:
        return frames
    import re

    put = re.sub(r"\$(\d+)", r"\\\1", text(options.get("renamePattern")).replace("\\", "\\\\"))

    def renamed(column: Field) -> Field:
        try:
            return replace(column, display=pattern.sub(put, column.title, count=1))
        except (re.error, IndexError):
            return column

    return [replace(frame, fields=[each if each.kind == TIME else renamed(each) for each in frame.fields])
            for frame in frames]  # fmt: skip


def filter_fields(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Keep columns that a matcher includes, drop those that one excludes."""
    include, exclude = mapping(options.get("include")), mapping(options.get("exclude"))

    def is_kept(column: Field) -> bool:
        return (not include or _by_names(include, column)) and not (exclude and _by_names(exclude, column))

    return [replace(frame, fields=[each for each in frame.fields if is_kept(each)]) for frame in frames]


def _by_names(matcher: Options, column: Field) -> bool:
    """Tell whether a matcher takes a column; this transformation gives patterns beside lists of names."""
    inner = mapping(matcher.get("options")) or matcher
    if text(matcher.get("id")) in ("", "byName") and ("names" in inner or "pattern" in inner):
        pattern = text(inner.get("pattern"))
        return column.title in {text(each) for each in items(inner.get("names"))} or bool(
            pattern and matches({"id": "byRegexp", "options": pattern}, column)
        )
    return matches(matcher, column)


def filter_by_ref(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Keep the answers of some queries."""
    ref = text(options.get("include"))
    return [frame for frame in frames if not ref or matches({"id": "byRegexp", "options": ref},
            Field(frame.ref, TEXT, ()))]  # fmt: skip


def labels_to_fields(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Make columns of labels."""
    kept = {text(each) for each in items(options.get("keepLabels"))}
    return [_with_labels(frame, kept) for frame in frames]


def _with_labels(frame: Frame, kept: set[str]) -> Frame:
    labels = {key: value for each in frame.fields for key, value in each.labels.items() if not kept or key in kept}
    columns = [Field(key, TEXT, [value] * frame.length) for key, value in labels.items()]
    rest = [replace(each, labels={}, display="" if each.labels else each.display) for each in frame.fields]
    return replace(frame, fields=[*rest[:1], *columns, *rest[1:]])


def calculate(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Add a column that is computed from others: of two columns, or over all of a row."""
    name = text(options.get("alias"))
    if text(options.get("mode")) == "reduceRow":
        calc = text(mapping(options.get("reduce")).get("reducer")) or "sum"
        include = {text(each) for each in items(mapping(options.get("reduce")).get("include"))}
        return [_added(frame, name or calc, _over_rows(frame, calc, include), options) for frame in _wide(frames)]
    binary = mapping(options.get("binary"))
    left, right = _operand(binary.get("left")), _operand(binary.get("right"))
    operator = text(binary.get("operator")) or "+"
    title = name or f"{left} {operator} {right}"
    return [_added(frame, title, _over_two(frame, left, operator, right), options) for frame in _wide(frames)]


def _operand(value: Any) -> str:
    """Return the name or number of an operand, written plainly or (since Grafana 11.3) as a matcher."""
    inner = mapping(value)
    return text(inner.get("fixed")) or text(mapping(inner.get("matcher")).get("options")) if inner else text(value)


def _wide(frames: Sequence[Frame]) -> Sequence[Frame]:
    return join_by_field(frames, {}) if len(frames) > 1 and all(each.of_kind(TIME) for each in frames) else frames


def _over_rows(frame: Frame, calc: str, include: set[str]) -> list[Any]:
    columns = [each for each in frame.of_kind(NUMBER) if not include or each.title in include]
    return [reduce(calc, [each.values[row] for each in columns]) for row in range(frame.length)]


_OPERATORS: Mapping[str, Callable[[float, float], float | None]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else None,
    "%": lambda a, b: a % b if b else None,
}


def _over_two(frame: Frame, left: str, operator: str, right: str) -> list[float | None]:
    a, b, compute = _numbers(frame, left), _numbers(frame, right), _OPERATORS.get(operator, _OPERATORS["+"])
    return [None if x is None or y is None else compute(x, y) for x, y in zip(a, b, strict=False)]


def _numbers(frame: Frame, operand: str) -> Sequence[float | None]:
    column = named(frame, operand)
    if column:
        return column[0].values
    try:
        return [float(operand)] * frame.length
    except ValueError:
        return [None] * frame.length


def _added(frame: Frame, name: str, values: Sequence[Any], options: Options) -> Frame:
    fresh = Field(name, NUMBER, values)
    kept = frame.of_kind(TIME) if flag(options.get("replaceFields")) else frame.fields
    return replace(frame, fields=[*kept, fresh])


def convert(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Turn the texts of columns into numbers, or the other way round."""
    wishes = {text(each.get("targetField")): text(each.get("destinationType"))
              for each in objects(options.get("conversions"))}  # fmt: skip
    return [replace(frame, fields=[_converted(each, wishes.get(each.title, "")) for each in frame.fields])
            for frame in frames]  # fmt: skip


def _converted(column: Field, kind: str) -> Field:
    if kind == "number":
        return replace(column, kind=NUMBER, values=[_as_number(each) for each in column.values])
    return replace(column, kind=TEXT, values=[text(each) for each in column.values]) if kind == "string" else column


def _as_number(value: Any) -> float | None:
    try:
        converted = float(value)
    except (TypeError, ValueError):
        return None
    return converted if converted - converted == 0 else None


TRANSFORMATIONS: Mapping[str, Transformation] = {
    "organize": organize,
    "renameByRegex": rename_by_regex,
    "filterFieldsByName": filter_fields,
    "filterByRefId": filter_by_ref,
    "filterFrames": filter_by_ref,
    "merge": merge,
    "concatenate": lambda frames, _: [Frame([each for frame in frames for each in frame.fields])] if frames else [],
    "seriesToRows": series_to_rows,
    "reduce": reduce_rows,
    "joinByField": join_by_field,
    "seriesToColumns": join_by_field,
    "sortBy": sort_by,
    "limit": limit,
    "filterByValue": filter_by_value,
    "labelsToFields": labels_to_fields,
    "groupBy": group_by,
    "calculateField": calculate,
    "convertFieldType": convert,
    "timeSeriesTable": lambda frames, _: reduce_rows(frames, {"labelsToFields": True}),
    "prepareTimeSeries": lambda frames, _: frames,
    "formatTime": lambda frames, _: frames,
}
