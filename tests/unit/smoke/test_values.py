"""Values of declared checks: JSON paths, comparisons, variables."""

from typing import Any

import pytest

from devctl.smoke.values import NotThere, Variables, compare, compare_seconds, first, matches, select, wildcard

DOCUMENT = {"items": [{"id": "a", "n": 1}, {"id": "b", "n": 2}], "a b": True}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("$", [DOCUMENT]),
        ("$.items[0].id", ["a"]),
        ("$.items[-1].n", [2]),
        ("$.items[*].id", ["a", "b"]),
        ("$.items.length()", [2]),
        ("$['a b']", [True]),
        ("$.items[7].id", []),
        ("$.items.id", []),
    ],
)
def test_a_json_path_selects_what_stands_there(path: str, values: list[Any]) -> None:
    assert select(DOCUMENT, path) == values


@pytest.mark.parametrize("path", ["items", "$.items[", "$..id", "$.items[?(@.n>1)]"])
def test_what_is_no_json_path_is_refused_with_the_path(path: str) -> None:
    with pytest.raises(ValueError, match="JSON path"):
        select(DOCUMENT, path)


def test_the_first_value_of_a_path_that_leads_nowhere_is_not_there() -> None:
    with pytest.raises(NotThere, match=r"nothing at \$\.missing"):
        first(DOCUMENT, "$.missing")


def test_comparisons_are_of_numbers_and_equality_needs_no_sign() -> None:
    assert compare("3", 3)
    assert compare(">= 2", 2)
    assert compare("!= 1", 2)
    assert not compare("< 2", 2)
    assert not compare("== 0", float("nan"))


def test_a_time_without_a_sign_is_the_most_that_something_may_take() -> None:
    assert compare_seconds("800ms", 0.7)
    assert compare_seconds("< 1s", 0.7)
    assert not compare_seconds("< 500ms", 0.7)


@pytest.mark.parametrize(
    ("expected", "actual", "is_match"),
    [
        ("paid", "paid", True), ("3", 3, True), (3, 3, True), (True, True, True), ("true", True, True),
        ("*", None, True), ("> 2", 3, True), ("> 2", 1, False), (1, True, False), ("paid", "declined", False),
    ],
)  # fmt: skip
def test_a_value_matches_by_equality_star_or_comparison(expected: Any, actual: Any, is_match: bool) -> None:
    assert matches(expected, actual) is is_match


def test_captured_values_go_before_the_environment_and_both_are_filled_in_everywhere() -> None:
    variables = Variables({"HOST": "env", "USER": "ada"})
    variables.captured["HOST"] = "captured"
    assert variables.fill({"a": ["${HOST}", 1], "b": "${USER}-${NONE:-none}"}) == {
        "a": ["captured", 1],
        "b": "ada-none",
    }


def test_a_name_that_nobody_captured_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match="token"):
        Variables({}).fill("Bearer ${token}")


def test_only_the_star_is_special_in_a_wildcard() -> None:
    assert wildcard("POST /orders/*", "POST /orders/{id}")
    assert wildcard("a.b", "a.b")
    assert not wildcard("a.b", "axb")
