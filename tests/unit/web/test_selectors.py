"""Ad hoc filters reach every selector of an expression, and nothing else of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devctl.web.data.selectors import Filter, filters, narrowed

ORDER = [Filter("service", "=", "order")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("up", 'up{service="order"}'),
        ("up{}", 'up{service="order"}'),
        ('up{job="a",}', 'up{job="a", service="order"}'),
        ('{__name__=~"a|b"}', '{__name__=~"a|b", service="order"}'),
        ("rate(up[5m])", 'rate(up{service="order"}[5m])'),
        ("up offset 5m", 'up{service="order"} offset 5m'),
        ("sum by (service, le) (rate(x[1m]))", 'sum by (service, le) (rate(x{service="order"}[1m]))'),
        ("sum(x) by (service)", 'sum(x{service="order"}) by (service)'),
        ("count without(pod) (x)", 'count without(pod) (x{service="order"})'),
        ("a / on (job) group_left (name) b", 'a{service="order"} / on (job) group_left (name) b{service="order"}'),
        ("a > bool 1e3 or b", 'a{service="order"} > bool 1e3 or b{service="order"}'),
        ('label_replace(a, "x", "$1", "y", "(.*) up")', 'label_replace(a{service="order"}, "x", "$1", "y", "(.*) up")'),
        ('a{x="}"} # up {', 'a{x="}", service="order"} # up {'),
        ("vector(1) - Inf", "vector(1) - Inf"),
        ("max_over_time(a:b[1h:5m] @ end())", 'max_over_time(a:b{service="order"}[1h:5m] @ end())'),
    ],
)
def test_every_selector_asks_for_the_filter_too(query: str, expected: str) -> None:
    assert narrowed(query, ORDER) == expected


def test_values_are_quoted_and_what_is_no_filter_is_left_out() -> None:
    assert filters(["a|=|x", "b|=~|c|d", "nonsense", "|=|x", "a|<|3", 'a"|=|x']) == [
        Filter("a", "=", "x"),
        Filter("b", "=~", "c|d"),
    ]
    assert narrowed("up", [Filter("a.b", "!=", 'q"\\')]) == 'up{"a.b"!="q\\"\\\\"}'


@given(st.text(max_size=60))
def test_whatever_is_written_is_kept_and_without_filters_nothing_changes(query: str) -> None:
    assert narrowed(query, []) == query
    kept = iter(narrowed(query, ORDER))
    assert all(character in kept for character in query if character not in ",{}" and not character.isspace())
