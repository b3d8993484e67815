"""Times, answers, reductions, field configuration: what stands between Prometheus and a drawing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from devctl.web.boards.model import DataSource, Grid, Panel, Target
from devctl.web.data import answers, shapes, times
from devctl.web.data.fields import Look, shown_name
from devctl.web.data.frames import NUMBER, TEXT, TIME, Field, Frame, joined, reduce
from devctl.web.data.times import TimeRange

NOW = datetime(2026, 3, 10, 12, 34, 56, tzinfo=UTC).timestamp()
TARGET = Target("A", "up", DataSource(), "{{job}}")


@pytest.mark.parametrize(
    ("text", "ago"),
    [("now", 0), ("now-15m", 900), ("now-1h+5m", 3300), ("now-2d", 172_800), ("1773146096000", 0), ("now/m", 56)],
)
def test_a_time_is_read_as_grafana_writes_it(text: str, ago: float) -> None:
    assert times.moment(text, NOW) == NOW - ago


def test_an_end_is_rounded_up() -> None:
    assert times.moment("now/m", NOW, is_end=True) == NOW + 4


@pytest.mark.parametrize("text", ["yesterday", "now-", "now-5parsecs", "", "NaN"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|isoformat|month|year|day"):
        times.moment(text, NOW)


def test_a_reversed_range_is_turned_round() -> None:
    assert times.time_range("now", "now-1h", NOW) == TimeRange(NOW - 3600, NOW)


@pytest.mark.parametrize(
    ("length", "points", "least", "expected"),
    [(900, 300, 5, 5), (900, 450, 1, 2), (86_400, 300, 5, 300), (3600, 10_000, 15, 15), (31_536_000, 100_000, 1, 3600)],
)
def test_a_step_is_a_round_number_and_never_too_fine(length: float, points: int, least: float, expected: float) -> None:
    assert times.step(TimeRange(0, length), points, least) == expected


def test_two_pages_of_nearly_the_same_width_ask_the_same() -> None:
    span = TimeRange(NOW - 900, NOW)
    assert len({times.step(span, points, 5) for points in range(150, 200)}) == 1


def test_a_series_lies_on_the_grid_of_its_step_with_gaps_as_none() -> None:
    result = [{"metric": {"job": "a"}, "values": [[10, "1"], [20, "NaN"], [30, "+Inf"], [50, "5"]]}]
    (frame,) = answers.series(result, TARGET, TimeRange(10, 50), 10, {})
    assert list(frame.fields[0].values) == [10, 20, 30, 40, 50]
    assert list(frame.fields[1].values) == [1.0, None, None, None, 5.0]
    assert frame.fields[1].title == "a"


@pytest.mark.parametrize(
    ("legend", "labels", "expected"),
    [
        ("{{job}} $x", {"job": "a"}, "a $x"),
        ("{{ missing }}", {}, ""),
        ("", {"__name__": "up", "job": "a"}, 'up{job="a"}'),
        ("__auto", {}, "up"),
    ],
)
def test_a_series_has_the_name_of_its_legend(legend: str, labels: dict[str, str], expected: str) -> None:
    assert answers.name(Target("A", "up", DataSource(), legend), labels, {}) == expected


def test_a_table_has_a_column_for_each_label() -> None:
    result = [{"metric": {"job": "a"}, "value": [5, "1"]}, {"metric": {"job": "b", "x": "y"}, "value": [5, "2"]}]
    frame = answers.table(result, TARGET, is_only=True)
    assert {each.name: list(each.values) for each in frame.fields} == {
        "Time": [5.0, 5.0], "job": ["a", "b"], "x": [None, "y"], "Value": [1.0, 2.0],
    }  # fmt: skip
    assert answers.table(result, TARGET, is_only=False).fields[-1].name == "Value #A"


def heat_frame(bound: str, *values: float) -> Frame:
    return Frame((Field("Time", TIME, [1.0, 2.0]), Field("Value", NUMBER, values, {"le": bound}, bound)))


def test_buckets_are_ordered_by_bound_and_taken_apart() -> None:
    frames = answers.bucketed([heat_frame("+Inf", 9, 9), heat_frame("10", 7, 8), heat_frame("5", 3, 8)])
    assert [(f.fields[1].display, list(f.fields[1].values)) for f in frames] == [
        ("5", [3, 8]), ("10", [4, 0]), ("+Inf", [2, 1]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("calc", "expected"),
    [
        ("lastNotNull", 4.0), ("last", None), ("first", 1.0), ("min", 1.0), ("max", 5.0), ("mean", 10 / 3),
        ("sum", 10.0),
        ("count", 4), ("range", 4.0), ("diff", 3.0), ("delta", 4.0), ("current", 4.0), ("p50", 4.0), ("nonsense", 4.0),
    ],
)  # fmt: skip
def test_a_line_is_reduced_to_one_value(calc: str, expected: float | None) -> None:
    assert reduce(calc, [1.0, 5.0, 4.0, None]) == (pytest.approx(expected) if expected is not None else None)


def test_nothing_is_reduced_to_nothing() -> None:
    assert [reduce(calc, []) for calc in ("lastNotNull", "mean", "max", "stdDev", "p99")] == [None] * 5


def test_answers_of_different_steps_share_one_axis() -> None:
    frames = [
        Frame((Field("Time", TIME, [1, 2, 3]), Field("a", NUMBER, [1, 2, 3]))),
        Frame((Field("Time", TIME, [2]), Field("b", NUMBER, [9]))),
    ]
    moments, columns = joined(frames)
    assert moments == [1, 2, 3]
    assert [list(each.values) for each in columns] == [[1, 2, 3], [None, 9, None]]


def override(id: str, options: Any, **properties: Any) -> dict[str, Any]:
    changes = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": id, "options": options}, "properties": changes}


COLUMN = Field("Value", NUMBER, [1, 7], {"job": "a"}, "errors of a", "B")


@pytest.mark.parametrize(
    ("id", "options", "is_meant"),
    [
        ("byName", "errors of a", True),
        ("byName", "Value", True),
        ("byName", "other", False),
        ("byNames", {"names": ["x", "Value"]}, True),
        ("byNames", {"mode": "exclude", "names": ["Value"]}, False),
        ("byRegexp", "/^ERRORS/i", True),
        ("byRegexp", "^err", True),
        ("byRegexp", "(", False),
        ("byType", "number", True),
        ("byFrameRefID", "B", True),
        ("byValue", {"reducer": "max", "op": "gt", "value": 5}, True),
        ("byValue", {"reducer": "max", "op": "lt", "value": 5}, False),
        ("nonsense", "x", False),
    ],
)
def test_an_override_holds_for_the_columns_that_it_matches(id: str, options: Any, is_meant: bool) -> None:
    look = Look({"unit": "s"}, [override(id, options, unit="ms")])
    assert look.of(COLUMN)["unit"] == ("ms" if is_meant else "s")


def test_an_override_sets_nested_options_and_leaves_the_others() -> None:
    look = Look({"custom": {"lineWidth": 2}}, [override("byName", "Value", custom__stacking__mode="normal")])
    assert look.of(COLUMN)["custom"] == {"lineWidth": 2, "stacking": {"mode": "normal"}}
    assert look.of(Field("x", NUMBER, []))["custom"] == {"lineWidth": 2}


def test_a_display_name_fills_in_labels() -> None:
    config = {"displayName": "${__field.labels.job} ${__field.name}!"}
    assert shown_name(config, COLUMN) == "a Value!"


def drawn(kind: str, *frames: Frame, **options: Any) -> dict[str, Any]:
    return shapes.shaped(Panel("1", kind, "t", Grid(0, 0, 24, 8), options=options), frames)


SERIES = Frame((Field("Time", TIME, [1, 2, 3]), Field("Value", NUMBER, [1.0, None, 3.0], {"job": "a"}, "a")))


def test_a_time_series_has_its_lines_and_the_figures_of_its_legend() -> None:
    shown = drawn("timeseries", SERIES, legend={"calcs": ["max", "lastNotNull"]})
    (line,) = shown["series"]
    assert (shown["times"], line["name"], line["values"]) == ([1, 2, 3], "a", [1.0, None, 3.0])
    assert line["figures"] == {"max": 3.0, "lastNotNull": 3.0}


def test_a_stat_has_one_value_for_each_line_with_the_line_behind_it() -> None:
    (value,) = drawn("stat", SERIES, reduceOptions={"calcs": ["mean"]})["values"]
    assert (value["name"], value["value"], value["line"]) == ("a", 2.0, [1.0, None, 3.0])


def test_a_stat_of_all_values_has_one_for_each_row() -> None:
    rows = Frame((Field("Name", TEXT, ["x", "y"]), Field("Value", NUMBER, [1, 2])))
    values = drawn("stat", rows, reduceOptions={"values": True})["values"]
    assert [(each["name"], each["value"]) for each in values] == [("x", 1), ("y", 2)]


def test_instant_series_become_one_table() -> None:
    frames = [Frame((Field("Time", TIME, [1]), Field("Value", NUMBER, [n], {"job": n}, str(n)))) for n in "ab"]
    (table,) = drawn("table", *frames)["tables"]
    assert [list(each["values"]) for each in table["columns"]] == [["a", "b"], ["a", "b"]]


def test_a_heat_map_has_its_buckets_from_the_lowest() -> None:
    shown = drawn("heatmap", heat_frame("10", 7, 8), heat_frame("5", 3, 8))
    assert (shown["buckets"], shown["cells"]) == (["5", "10"], [[3, 8], [4, 0]])


def test_a_hidden_series_is_not_drawn() -> None:
    panel = Panel(
        "1", "timeseries", "t", Grid(0, 0, 24, 8), overrides=[override("byName", "a", custom__hideFrom={"viz": True})]
    )
    assert shapes.shaped(panel, [SERIES])["series"] == []
