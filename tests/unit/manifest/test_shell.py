"""A command that only a shell would understand is warned of, with its place and how to ask for a shell."""

from pathlib import Path

import pytest

from tests.unit.manifest.loading import load_text

HINT = "if one is meant, else put it in quotes"


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("a | b", "|"), ("cat x|grep y", "|"), ("x > f", ">"), ("x 2>&1", "2>&1"), ("x >> f", ">>"), ("x < f", "<"),
        ("cd a && b", "cd"), ("a && b", "&&"), ("a || b", "||"), ("a; b", ";"), ("a &", "&"), ("PORT=1 x", "PORT="),
        ("a `b`", "`"), ("a $$(b)", "$("), ("a $$HOME", "$HOME"), ("export A=1", "export"), ("sh -c a | b", "|"),
    ],
)  # fmt: skip
def test_a_text_for_a_shell_is_warned_of(tmp_path: Path, command: str, word: str) -> None:
    (warning,) = load_text(tmp_path, f"services:\n  a: {{command: '{command}'}}").warnings
    assert str(warning) == (
        f"stack.yaml:2:16: services.a.command: no shell runs it, so that {word} is a word like any other "
        f'(write [sh, -c, "{command}"] {HINT})'
    )


@pytest.mark.parametrize(
    "command",
    [
        "x 'a | b'", 'x "a > b"', "sh -c 'a && b'", "x http://h/?a=1&b=2", "x a=b", "x --set=a=b", "x \\| y", "x 'a;'",
        "$V", "x -k 'a > b'", "cdx y", "x;y",
    ],
)  # fmt: skip
def test_a_text_that_needs_no_shell_is_not_warned_of(tmp_path: Path, command: str) -> None:
    (tmp_path / "stack.yaml").write_text("")
    text = f"services:\n  a:\n    command: >-\n      {command}"
    assert load_text(tmp_path, text, environ={"V": "x"}).warnings == ()


@pytest.mark.parametrize(
    ("command", "is_warned"),
    [
        ("[cd, a, '&&', b]", True), ("[a, '|', b]", True), ("['A=1', x]", True), ("[a, '>', f]", True),
        ("[sh, -c, 'a | b']", False), ("[/bin/bash, -c, a, '|']", False), ("[grep, 'a|b', f]", False),
        ("[a, 'B=1']", False),
    ],
)  # fmt: skip
def test_a_list_for_a_shell_is_warned_of(tmp_path: Path, command: str, is_warned: bool) -> None:
    assert bool(load_text(tmp_path, f"services: {{a: {{command: {command}}}}}").warnings) is is_warned
    check = f"services: {{a: {{command: x, healthcheck: {{test: {command.replace('[', '[CMD, ', 1)}}}}}}}"
    assert bool(load_text(tmp_path, check).warnings) is is_warned


def test_the_value_of_a_variable_is_not_shown_with_the_warning(tmp_path: Path) -> None:
    (warning,) = load_text(tmp_path, "services: {a: {command: 'x $V'}}", environ={"V": "s3cret | y"}).warnings
    assert "s3cret" not in str(warning)
