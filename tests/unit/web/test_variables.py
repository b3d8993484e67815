"""Variables: what they ask, what they stand for, how they are filled in."""

from collections.abc import Sequence
from typing import Any

import pytest

from devctl.web.boards.interpolation import ALL, Value, fill, for_people, for_promql
from devctl.web.boards.layout import laid_out
from devctl.web.boards.model import Grid, Panel, Repeat, Variable
from devctl.web.boards.variables import (
    LabelNames,
    LabelValues,
    MetricNames,
    QueryResult,
    Question,
    arranged,
    question,
    resolve,
    scoped,
)


class Asked:
    """Answers questions from a table and remembers them."""

    def __init__(self, answers: dict[Question, Sequence[str]]) -> None:
        self.answers = answers
        self.questions: list[Question] = []

    async def __call__(self, question: Question) -> Sequence[str]:
        self.questions.append(question)
        return self.answers.get(question, ())


def variable(name: str, kind: str = "query", **more: Any) -> Variable:
    return Variable(name, kind, **more)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("label_values(job)", LabelValues("job")),
        ("label_values(up, job)", LabelValues("job", "up")),
        ('label_values(up{a="b,c", d=~"x"}, job)', LabelValues("job", 'up{a="b,c", d=~"x"}')),
        ("label_names()", LabelNames()),
        ("metrics(http_.*)", MetricNames("http_.*")),
        ("query_result(topk(3, up))", QueryResult("topk(3, up)")),
        ("up", QueryResult("up")),
        ("  ", None),
    ],
)
def test_a_query_asks_for_what_grafana_asks_for(query: str, expected: Question | None) -> None:
    assert question(query) == expected


async def test_chained_variables_are_asked_in_the_order_of_their_chain() -> None:
    ask = Asked({LabelValues("job", "up"): ["a", "b"], LabelValues("instance", 'up{job="b"}'): ["b:1", "b:2"]})
    variables = [
        variable("instance", query='label_values(up{job="$job"}, instance)'),
        variable("job", query="label_values(up, job)"),
    ]
    instance, job = await resolve(variables, {"job": ["b"]}, {}, ask)
    assert job.value.values == ("b",)
    assert [option.value for option in instance.options] == ["b:1", "b:2"]
    assert instance.value.values == ("b:1",)


async def test_variables_in_a_ring_are_all_resolved() -> None:
    ring = [variable("a", query="label_values(x{y='$b'}, z)"), variable("b", query="label_values(x{y='$a'}, z)")]
    assert len(await resolve(ring, {}, {}, Asked({}))) == 2


async def test_a_question_that_fails_leaves_a_variable_with_the_reason() -> None:
    async def refuse(_: Question) -> Sequence[str]:
        raise ValueError("Prometheus does not answer")

    (resolved,) = await resolve([variable("a", query="label_values(x)")], {}, {}, refuse)
    assert resolved.problem == "Prometheus does not answer"
    assert resolved.value.values == ()


async def test_custom_and_interval_variables_list_what_the_board_says() -> None:
    pairs = variable("pairs", "custom", query="Half : 0.5, All of it : 1, a\\,b")
    every = variable("every", "interval", query="1m,5m", has_auto=True)
    first, second = await resolve([pairs, every], {}, {}, Asked({}))
    shown = [(option.text, option.value) for option in first.options]
    assert shown == [("Half", "0.5"), ("All of it", "1"), ("a,b", "a,b")]
    assert [option.text for option in second.options] == ["auto", "1m", "5m"]


@pytest.mark.parametrize(
    ("chosen", "expected", "is_all"),
    [
        (None, ("a", "b"), True),
        (["a"], ("a",), False),
        (["b", "a"], ("b", "a"), False),
        ([ALL], ("a", "b"), True),
        (["typed"], ("typed",), False),
    ],
)
async def test_what_is_chosen_stands_else_the_board_else_all(
    chosen: list[str] | None, expected: tuple[str, ...], is_all: bool
) -> None:
    ask = Asked({LabelValues("job"): ["a", "b"]})
    declared = variable("job", query="label_values(job)", is_multi=True, includes_all=True, current=(ALL,))
    (resolved,) = await resolve([declared], {"job": chosen} if chosen else {}, {}, ask)
    assert (resolved.value.values, resolved.value.is_all) == (expected, is_all)


def test_a_pattern_filters_cuts_and_names_the_choices() -> None:
    answers = ["web-1", "web-2", "db-1", "web-1"]
    cut = arranged(answers, variable("v", regex="/web-(\\d)/", sort=4))
    assert [option.value for option in cut] == ["2", "1"]
    named = arranged(["id=7 name=x"], variable("v", regex="/id=(?<value>\\d) name=(?<text>\\w)/"))
    assert [(option.text, option.value) for option in named] == [("x", "7")]


def test_a_pattern_that_python_does_not_read_keeps_every_choice() -> None:
    assert len(arranged(["a", "b"], variable("v", regex="/(?<bad/"))) == 2


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (1, ["10", "9", "B", "a"]),
        (3, ["B", "a", "9", "10"]),
        (4, ["10", "9", "B", "a"]),
        (5, ["10", "9", "a", "B"]),
        (7, ["9", "10", "a", "B"]),
    ],
)
def test_choices_are_sorted_as_the_board_numbers_it(order: int, expected: list[str]) -> None:
    assert [option.value for option in arranged(["B", "a", "10", "9"], variable("v", sort=order))] == expected


VALUES = {
    "one": Value(("a.b",), texts=("A",)),
    "many": Value(("a.b", "c"), is_list=True, texts=("A", "C")),
    "all": Value(("a", "b"), is_list=True, is_all=True, all_value=".*"),
    "every": Value(("a", "b"), is_list=True, is_all=True),
    "quote": Value(('x"y\\z',)),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('x{a="$one"}', 'x{a="a.b"}'),
        ('x{a=~"$many"}', 'x{a=~"(a\\\\.b|c)"}'),
        ('x{a=~"${all}"}', 'x{a=~".*"}'),
        ('x{a=~"[[every]]"}', 'x{a=~"(a|b)"}'),
        ('x{a="$quote"}', 'x{a="x\\"y\\\\z"}'),
        ("${many:csv} ${many:pipe} ${many:raw}", "a.b,c a.b|c a.b,c"),
        ("${many:regex}", "(a\\.b|c)"),
        ("${many:json} ${many:glob} ${many:doublequote}", '["a.b", "c"] {a.b,c} "a.b","c"'),
        ("${many:text} ${every:text}", "A + C All"),
        ("${many:queryparam} ${all:queryparam}", "var-many=a.b&var-many=c var-all=%24__all"),
        ("$unknown ${unknown:csv} $$", "$unknown ${unknown:csv} $$"),
    ],
)
def test_variables_are_filled_in_as_grafana_does(text: str, expected: str) -> None:
    assert fill(text, VALUES, for_promql) == expected


def test_titles_show_what_people_chose() -> None:
    assert fill("of $one and $many", VALUES, for_people) == "of A and A + C"


def test_a_value_with_promql_in_it_cannot_leave_its_string() -> None:
    evil = {"v": Value(('a"} or vector(1) #',), is_list=True)}
    assert fill('up{job=~"$v"}', evil, for_promql) == 'up{job=~"a\\"\\\\} or vector\\\\(1\\\\) #"}'


def panel(id: str, y: int, *, repeat: str = "", vertical: bool = False, most: int = 4, kind: str = "stat") -> Panel:
    return Panel(id, kind, id, Grid(0, y, 24, 4), repeat=Repeat(repeat, vertical, most))


THREE = {"v": Value(("x", "y", "z"), is_list=True, texts=("X", "Y", "Z"))}


def test_a_repeated_panel_stands_side_by_side_and_moves_what_is_below() -> None:
    placed = laid_out([panel("1", 0, repeat="v", most=2), panel("2", 4)], THREE)
    assert [(each.id, each.grid.x, each.grid.y, each.grid.w) for each in placed] == [
        ("1", 0, 0, 12), ("1-1", 12, 0, 12), ("1-2", 0, 4, 12), ("2", 0, 8, 24),
    ]  # fmt: skip
    assert scoped(THREE, placed[1].scope)["v"] == Value(("y",), is_list=True, texts=("Y",))


def test_a_panel_repeated_downwards_stands_below_itself() -> None:
    assert [each.grid.y for each in laid_out([panel("1", 0, repeat="v", vertical=True)], THREE)] == [0, 4, 8]


def test_a_repeated_row_takes_its_panels_along() -> None:
    row = Panel("1", "row", "R $v", Grid(0, 0, 24, 1), repeat=Repeat("v"), panels=(panel("2", 1),))
    placed = laid_out([row], THREE)
    assert [each.id for each in placed] == ["1", "1-1", "1-2"]
    assert [child.scope for each in placed for child in each.panels] == [{"v": ("x",)}, {"v": ("y",)}, {"v": ("z",)}]
    assert len({child.id for each in placed for child in each.panels}) == 3


def test_a_closed_row_takes_one_line() -> None:
    closed = Panel("1", "row", "R", Grid(0, 0, 24, 1), panels=(panel("2", 1),), is_collapsed=True)
    assert [each.grid.y for each in laid_out([closed, Panel("3", "row", "S", Grid(0, 9, 24, 1))], {})] == [0, 1]
