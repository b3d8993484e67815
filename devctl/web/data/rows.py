"""Transformations of rows: tables merged, joined, grouped, sorted, filtered, and series reduced to rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from devctl.web.boards.plain import flag, items, mapping, objects, text, whole
from devctl.web.data.fields import matches
from devctl.web.data.frames import NUMBER, TEXT, TIME, Field, Frame, joined, reduce

Options = Mapping[str, Any]


def merge(frames: Sequence[Frame], _: Options) -> Sequence[Frame]:
    """Put tables into one: rows that agree in the columns that both have become one row."""
    columns: dict[str, Field] = {}
    rows: list[dict[str, Any]] = []
    for frame in frames:
        columns.update((each.title, each) for each in frame.fields if each.title not in columns)
        for position in range(frame.length):
            _fit(rows, {each.title: each.values[position] for each in frame.fields})
    return [_from_rows(columns, rows)] if columns else []


def _fit(rows: list[dict[str, Any]], fresh: dict[str, Any]) -> None:
    for row in rows:
        shared = row.keys() & fresh.keys()
        if fresh.keys() - row.keys() and shared and all(row[key] == fresh[key] for key in shared):
            row.update(fresh)
            return
    rows.append(fresh)


def _from_rows(columns: Mapping[str, Field], rows: Sequence[Options]) -> Frame:
    return Frame([replace(each, values=[row.get(title) for row in rows]) for title, each in columns.items()])


def series_to_rows(frames: Sequence[Frame], _: Options) -> Sequence[Frame]:
    """Put series into one table of time, metric and value."""
    rows = [
        (moment, column.title, value)
        for frame in frames
        for times in frame.of_kind(TIME)[:1]
        for column in frame.of_kind(NUMBER)
        for moment, value in zip(times.values, column.values, strict=False)
    ]
    rows.sort(key=lambda row: -row[0])
    return [Frame([Field("Time", TIME, [row[0] for row in rows]), Field("Metric", TEXT, [row[1] for row in rows]),
                   Field("Value", NUMBER, [row[2] for row in rows])])]  # fmt: skip


def reduce_rows(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Reduce every series to a row, or every column to one value."""
    calcs = [text(each) for each in items(options.get("reducers"))] or ["lastNotNull"]
    if text(options.get("mode")) == "reduceFields":
        return [replace(frame, fields=[replace(each, values=[reduce(calcs[0], each.values)])
                for each in frame.of_kind(NUMBER)]) for frame in frames]  # fmt: skip
    columns = [column for frame in frames for column in frame.of_kind(NUMBER)]
    labels = sorted({key for column in columns for key in column.labels}) if flag(options.get("labelsToFields")) else []
    named = [Field("Field", TEXT, [column.title for column in columns])]
    named += [Field(key, TEXT, [column.labels.get(key) for column in columns]) for key in labels]
    reduced = [
        Field(_CALC_TITLES.get(calc, calc), NUMBER, [reduce(calc, column.values) for column in columns])
        for calc in calcs
    ]
    return [Frame([*named, *reduced])]


_CALC_TITLES = {
    "lastNotNull": "Last *", "last": "Last", "firstNotNull": "First *", "first": "First", "min": "Min", "max": "Max",
    "mean": "Mean", "sum": "Total", "count": "Count", "range": "Range", "diff": "Difference", "median": "Median",
}  # fmt: skip


def join_by_field(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Put frames side by side on a column that all have, by default the time."""
    by = text(options.get("byField"))
    if not by or by == "Time":
        times, columns = joined(frames)
        return [Frame([Field("Time", TIME, times), *columns])]
    keys = {value: None for frame in frames for column in named(frame, by) for value in column.values}
    if text(options.get("mode")) == "inner":
        each_has = [{value for column in named(frame, by) for value in column.values} for frame in frames]
        keys = {value: None for value in keys if all(value in values for values in each_has)}
    key_column = Field(by, TEXT, list(keys))
    return [Frame(_numbered([key_column, *(each for frame in frames for each in _at(frame, by, list(keys)))]))]


def _numbered(columns: Sequence[Field]) -> list[Field]:
    """Return the columns with those of one name numbered from 1, as Grafana tells them apart."""
    counts = Counter(each.title for each in columns)
    seen: Counter[str] = Counter()
    numbered: list[Field] = []
    for column in columns:
        title = column.title
        seen[title] += 1
        numbered.append(replace(column, display=f"{title} {seen[title]}") if counts[title] > 1 else column)
    return numbered


def named(frame: Frame, name: str) -> list[Field]:
    return [each for each in frame.fields if name in (each.title, each.name)][:1]


def _at(frame: Frame, by: str, keys: Sequence[Any]) -> list[Field]:
    """Return the other columns of a frame in the order of keys."""
    key = named(frame, by)
    if not key:
        return []
    row_of = {value: position for position, value in enumerate(key[0].values)}
    return [
        replace(each, values=[each.values[row_of[value]] if value in row_of else None for value in keys])
        for each in frame.fields
        if each is not key[0]
    ]


def sort_by(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Order rows by a column."""
    wish = next(iter(objects(options.get("sort"))), {})

    def ordered(frame: Frame) -> Frame:
        column = named(frame, text(wish.get("field")))
        if not column:
            return frame
        rank = sorted(range(frame.length), key=lambda n: _rank(column[0].values[n]), reverse=flag(wish.get("desc")))
        return _taken(frame, rank)

    return [ordered(frame) for frame in frames]


def _rank(value: Any) -> tuple[int, float, str]:
    return (1, value, "") if isinstance(value, int | float) else (0 if value is None else 2, 0.0, str(value))


def _taken(frame: Frame, rows: Sequence[int]) -> Frame:
    return replace(frame, fields=[replace(each, values=[each.values[n] for n in rows]) for each in frame.fields])


def limit(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Keep the first rows."""
    most = whole(options.get("limitField"), 10, 0, 1_000_000)
    return [_taken(frame, range(min(most, frame.length))) for frame in frames]


def filter_by_value(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Keep (or drop) the rows that any or all conditions hold for."""
    conditions = objects(options.get("filters"))
    is_all, keeps = text(options.get("match")) == "all", text(options.get("type")) != "exclude"

    def holds(frame: Frame, row: int) -> bool:
        answers = [_holds(frame, row, each) for each in conditions]
        return (all(answers) if is_all else any(answers)) == keeps

    return [_taken(frame, [n for n in range(frame.length) if holds(frame, n)]) for frame in frames]


def _holds(frame: Frame, row: int, condition: Options) -> bool:
    column = named(frame, text(condition.get("fieldName")))
    value = column[0].values[row] if column else None
    config = mapping(condition.get("config"))
    kind, other = text(config.get("id")), mapping(config.get("options")).get("value")
    if kind in ("isNull", "isNotNull"):
        return (value is None) == (kind == "isNull")
    if kind in ("equal", "notEqual"):
        return (text(value) == text(other)) == (kind == "equal")
    if kind == "regex":
        return matches({"id": "byRegexp", "options": text(other)}, Field(text(value), TEXT, ()))
    low = {"greater": "gt", "greaterOrEqual": "gte", "lower": "lt", "lowerOrEqual": "lte"}.get(kind, "")
    return matches({"id": "byValue", "options": {"op": low, "reducer": "last", "value": other}},
                   Field("", NUMBER, [value]))  # fmt: skip


def group_by(frames: Sequence[Frame], options: Options) -> Sequence[Frame]:
    """Group the rows of each table by some columns and reduce the others."""
    wishes = {name: mapping(each) for name, each in mapping(options.get("fields")).items()}
    return [_grouped(frame, wishes) for frame in frames]


def _grouped(frame: Frame, wishes: Mapping[str, Options]) -> Frame:
    keys = [each for each in frame.fields if wishes.get(each.title, {}).get("operation") == "groupby"]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row in range(frame.length):
        groups.setdefault(tuple(each.values[row] for each in keys), []).append(row)
    columns = [replace(each, values=[key[n] for key in groups]) for n, each in enumerate(keys)]
    for each in frame.fields:
        if wishes.get(each.title, {}).get("operation") == "aggregate":
            for calc in items(wishes[each.title].get("aggregations")):
                values = [reduce(text(calc), [each.values[row] for row in rows]) for rows in groups.values()]
                columns.append(Field(f"{each.title} ({text(calc)})", NUMBER, values))
    return replace(frame, fields=columns)
