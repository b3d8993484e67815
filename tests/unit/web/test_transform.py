"""Grafana's transformations, each on the smallest table that shows what it does."""

from collections.abc import Sequence
from typing import Any

import pytest

from devctl.web.data.frames import NUMBER, TEXT, TIME, Field, Frame
from devctl.web.data.transform import transformed


def frame(ref: str = "A", **columns: list[Any]) -> Frame:
    return Frame([Field(name, kind(name, values), values, ref=ref) for name, values in columns.items()], ref)


def kind(name: str, values: list[Any]) -> str:
    if name == "Time":
        return TIME
    return TEXT if any(isinstance(each, str) for each in values) else NUMBER


def after(frames: Sequence[Frame], id: str, **options: Any) -> list[dict[str, list[Any]]]:
    made, unknown = transformed(frames, [{"id": id, "options": options}])
    assert unknown == []
    return [{each.title: list(each.values) for each in frame.fields} for frame in made]


PEOPLE = frame(name=["b", "a", "c"], age=[2, 1, 3])


def test_columns_are_left_out_ordered_and_renamed() -> None:
    options = {"excludeByName": {"age": True}, "renameByName": {"name": "Who"}}
    assert after([PEOPLE], "organize", **options) == [{"Who": ["b", "a", "c"]}]
    assert list(after([PEOPLE], "organize", indexByName={"age": 0, "name": 1})[0]) == ["age", "name"]


def test_columns_are_renamed_by_a_pattern() -> None:
    assert list(after([PEOPLE], "renameByRegex", regex="(a)ge", renamePattern="$1GE")[0]) == ["name", "aGE"]
    assert list(after([PEOPLE], "renameByRegex", regex="(", renamePattern="x")[0]) == ["name", "age"]


def test_rows_are_sorted_limited_and_filtered() -> None:
    assert after([PEOPLE], "sortBy", sort=[{"field": "age", "desc": True}])[0]["name"] == ["c", "b", "a"]
    assert after([PEOPLE], "limit", limitField=1) == [{"name": ["b"], "age": [2]}]
    older = {"fieldName": "age", "config": {"id": "greater", "options": {"value": 1}}}
    assert after([PEOPLE], "filterByValue", filters=[older], type="include", match="all")[0]["name"] == ["b", "c"]
    assert after([PEOPLE], "filterByValue", filters=[older], type="exclude", match="any")[0]["name"] == ["a"]


def test_columns_are_chosen_by_name_or_pattern() -> None:
    assert list(after([PEOPLE], "filterFieldsByName", include={"names": ["age"]})[0]) == ["age"]
    assert list(after([PEOPLE], "filterFieldsByName", include={"pattern": "^n"})[0]) == ["name"]


def test_tables_with_a_shared_column_are_merged() -> None:
    merged = after([PEOPLE, frame("B", name=["a", "b"], town=["X", "Y"])], "merge")
    assert merged == [{"name": ["b", "a", "c"], "age": [2, 1, 3], "town": ["Y", "X", None]}]


def test_tables_are_joined_on_a_column() -> None:
    other = frame("B", name=["a", "d"], town=["X", "Y"])
    outer = after([PEOPLE, other], "joinByField", byField="name", mode="outer")
    assert outer == [{"name": ["b", "a", "c", "d"], "age": [2, 1, 3, None], "town": [None, "X", None, "Y"]}]
    inner = after([PEOPLE, other], "joinByField", byField="name", mode="inner")
    assert inner == [{"name": ["a"], "age": [1], "town": ["X"]}]


def test_columns_of_one_name_are_numbered_after_a_join() -> None:
    tables = [frame(ref, host=["x"], Value=[n]) for n, ref in enumerate("ABC")]
    (joined,) = after(tables, "joinByField", byField="host")
    assert joined == {"host": ["x"], "Value 1": [0], "Value 2": [1], "Value 3": [2]}


def test_series_become_rows() -> None:
    series = [frame(Time=[1, 2], x=[10, 20]), frame(Time=[1], y=[5])]
    (rows,) = after(series, "seriesToRows")
    triples = sorted(zip(rows["Time"], rows["Metric"], rows["Value"], strict=True))
    assert triples == [(1, "x", 10), (1, "y", 5), (2, "x", 20)]


def test_series_are_reduced_to_rows() -> None:
    (rows,) = after([frame(Time=[1, 2], x=[10, 20])], "reduce", reducers=["max", "lastNotNull"])
    assert rows == {"Field": ["x"], "Max": [20], "Last *": [20]}


def test_rows_are_grouped_and_reduced() -> None:
    fields = {"name": {"operation": "groupby"}, "age": {"operation": "aggregate", "aggregations": ["sum", "count"]}}
    (groups,) = after([frame(name=["a", "b", "a"], age=[1, 2, 4])], "groupBy", fields=fields)
    assert groups == {"name": ["a", "b"], "age (sum)": [5, 2], "age (count)": [2, 1]}


def test_a_column_is_computed_of_two_or_over_a_row() -> None:
    table = frame(x=[1.0, 2.0, None], y=[4.0, 0.0, 1.0])
    binary = {"left": "x", "operator": "/", "right": "y"}
    assert after([table], "calculateField", mode="binary", binary=binary, alias="r")[0]["r"] == [0.25, None, None]
    matched = {"left": {"matcher": {"id": "byName", "options": "x"}}, "operator": "*", "right": {"fixed": "2"}}
    assert after([table], "calculateField", mode="binary", binary=matched, alias="r")[0]["r"] == [2.0, 4.0, None]
    assert after([table], "calculateField", mode="reduceRow", reduce={"reducer": "sum"}, alias="s")[0]["s"] == [5, 2, 1]


def test_labels_become_columns() -> None:
    series = Frame([Field("Time", TIME, [1]), Field("Value", NUMBER, [3], {"job": "a"})])
    assert after([series], "labelsToFields") == [{"Time": [1], "job": ["a"], "Value": [3]}]


def test_texts_become_numbers() -> None:
    options = {"conversions": [{"targetField": "x", "destinationType": "number"}]}
    assert after([frame(x=["1", "b", "inf"])], "convertFieldType", **options) == [{"x": [1.0, None, None]}]


def test_a_step_is_for_the_query_that_its_filter_names() -> None:
    step = {"id": "limit", "options": {"limitField": 0}, "filter": {"id": "byRefId", "options": "B"}}
    made, _ = transformed([PEOPLE, frame("B", x=[1])], [step])
    assert {each.ref: each.length for each in made} == {"A": 3, "B": 0}


def test_a_step_that_is_not_known_is_named_and_one_that_is_off_is_left_out() -> None:
    made, unknown = transformed([PEOPLE], [{"id": "regression"}, {"id": "limit", "disabled": True}])
    assert (list(made), unknown) == ([PEOPLE], ["regression"])


@pytest.mark.parametrize(
    "id",
    ["organize", "renameByRegex", "filterFieldsByName", "filterByRefId", "merge", "concatenate", "seriesToRows",
     "reduce", "joinByField", "sortBy", "limit", "filterByValue", "labelsToFields", "groupBy",
     "calculateField", "convertFieldType"],
)  # fmt: skip
@pytest.mark.parametrize("options", [{}, {"fields": 3, "sort": "x", "filters": [None], "binary": [], "reducers": [7]}])
def test_no_options_and_wrong_ones_end_no_panel(id: str, options: dict[str, Any]) -> None:
    transformed([PEOPLE, Frame([])], [{"id": id, "options": options}])
