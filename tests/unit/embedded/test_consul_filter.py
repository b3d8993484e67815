"""Filter expressions: precedence, quoting, and refusal of what cannot be read."""

from __future__ import annotations

import pytest

from devctl.embedded.consul.filter import Unreadable, compile_filter

ENTRY = {
    "ID": "web-1",
    "Port": 80,
    "Good": True,
    "Tags": ["blue", "v1 beta"],
    "Empty": [],
    "Meta": {"version": "1", "a.b": "dotted"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ID == "web-1"', True),
        ("ID == web-1", True),
        ("ID != web-1", False),
        ("Port == 80", True),
        ("Good == true", True),
        ("Good != true", False),
        ('"v1 beta" in Tags', True),
        ("blue not in Tags", False),
        ("Tags contains green", False),
        ("Tags not contains green", True),
        ("Empty is empty and Tags is not empty", True),
        ("not Tags is empty", True),
        ("ID == x or Port == 80 and Good == true", True),
        ("(ID == x or Port == 80) and Good == false", False),
        ("not (ID == x or Port == 81)", True),
        ("Meta.version == 1", True),
        ('Meta["a.b"] == dotted', True),
        ("Meta.missing == x", False),
        ("version in Meta", True),
        (r'ID matches "^web-\\d$"', True),
        ("ID not matches `^web`", False),
    ],
)
def test_an_expression_chooses(text: str, expected: bool) -> None:
    assert compile_filter(text)(ENTRY) is expected


@pytest.mark.parametrize(
    "text", ["", "(", "ID ==", "ID is", "ID is full", "ID ~ x", "ID == a b", "(" * 99 + "ID", "ID matches `(`"]
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        compile_filter(text)


@pytest.mark.parametrize("text", ["Nope == 1", "Meta.a.b == 1", "ID.x == 1", "Port == high"])
def test_a_field_that_is_not_there_is_a_mistake_not_a_miss(text: str) -> None:
    with pytest.raises(Unreadable):
        compile_filter(text)(ENTRY)
