"""Interpolation as Compose has it."""

import re

import pytest

from devctl.manifest.interpolate import interpolate


class FakeValues:
    def __init__(self) -> None:
        self.warned: list[str] = []

    def variable(self, name: str) -> str | None:
        return {"A": "a", "EMPTY": "", "DOLLAR": "${A} $A", "LINES": "x\ny: z"}.get(name)

    def unset(self, name: str) -> None:
        self.warned.append(name)

    def reference(self, dotted: str) -> str:
        return f"<{dotted}>"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$A ${A} x", "a a x"),
        ("$A.b-$A_", "a.b-"),
        ("$$A $${A} $$$A", "$A ${A} $a"),
        ("${U:-d} ${U-d} ${EMPTY:-d} ${EMPTY-d}", "d d d "),
        ("${A:-d} ${A-d}", "a a"),
        ("${A:+y} ${A+y} ${EMPTY:+y} ${EMPTY+y} ${U+y}", "y y  y "),
        ("${A:?m} ${EMPTY?m}", "a "),
        ("${U:-${V:-${A}}}", "a"),
        ("${U:-a b}", "a b"),
        ("${U:-$$}", "$"),
        ("${A:-${X:?not looked at}}", "a"),
        ("${DOLLAR}", "${A} $A"),
        ("${LINES}", "x\ny: z"),
        ("${services.kafka.broker}/${services.a-b.http.port}", "<services.kafka.broker>/<services.a-b.http.port>"),
        ("${python} ${volumes.data}/x", "<python> <volumes.data>/x"),
        ("${U:-${services.a.http}}", "<services.a.http>"),
        ("$services", ""),
        ("a}b", "a}b"),
        ('${A:-{"n":1}}', "a"),
        ('${U:-{"n":1}}', '{"n":1}'),
        ('${U-{"n":{"m":1}}}}', '{"n":{"m":1}}}'),
        ('${A:+{"n":1}}', '{"n":1}'),
        ('${U+{"n":1}}x', "x"),
        ("${A:?{}}", "a"),
        ('${U:-{"n":${V:-{"k":"$A"}}}}', '{"n":{"k":"a"}}'),
        ("${U:-{}} ${A:-{}}", "{} a"),
    ],
)
def test_a_text_is_replaced_as_compose_does(text: str, result: str) -> None:
    assert interpolate(text, FakeValues()) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$", "a $ must be followed by a name or {; a literal one is written $$"),
        ("a$ b", "a $ must be followed by a name or {; a literal one is written $$"),
        ("$(ls)", "a $ must be followed by a name or {; a literal one is written $$"),
        ("${}", "${ must be followed by the name of a variable"),
        ("${A", "${A…: after the name comes } or one of :- :? :+ - ? +"),
        ("${A:-", "${ without its }"),
        ("${A%x}", "${A…: after the name comes } or one of :- :? :+ - ? +"),
        ("${U:-{}", "${ without its }"),
        ("${U:?say what}", "U must be set: say what"),
        ("${U:?{a} or {b}}", "U must be set: {a} or {b}"),
        ("${U?}", "U must be set"),
        ("${EMPTY:?}", "EMPTY must be set"),
        ("${services.a.b", "${services.a.b without its }"),
        ("${A:-" * 20, "${…} nested deeper than 16 levels"),
    ],
)
def test_what_cannot_be_replaced_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        interpolate(text, FakeValues())


def test_only_a_variable_without_value_and_default_that_is_used_is_warned_of() -> None:
    values = FakeValues()
    interpolate("$U ${U:-x} ${EMPTY} ${A:-$V} ${W:-$X} ${services.a.b}", values)
    assert values.warned == ["U", "X"]
