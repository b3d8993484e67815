"""The quick parser and typer read the same declarations: what the one accepts, the other reads alike."""

import contextlib
import io
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devctl.cli.line import parse, registry, typer_app
from devctl.cli.line.declare import Argument, Call, Command, Group, Option
from devctl.errors import DevctlError


def _commands() -> dict[str, Command]:
    found: dict[str, Command] = {}
    for name in registry.COMMANDS:
        one = registry.find(name)
        if isinstance(one, Group):
            found |= {f"{name} {action}": command for action, (_, command) in one.commands.items()}
        elif one:
            found[name] = one
    return found


COMMANDS = _commands()
VALUES = ["order", "5m", "3", "auto", "-1", "-x", "--", "-", "", "a=b", "ü", "dot"]


def _flags(options: list[Option]) -> list[str]:
    spelled = [flag for option in options for flag in option.flags]
    return spelled + [f"{flag}={value}" for flag in spelled for value in ("order", "")]


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from(sorted(COMMANDS)))
    words = st.sampled_from(_flags(COMMANDS[name].options) + VALUES + ["-fx", "-qv", "--nope"])
    before = draw(st.lists(st.sampled_from([*_flags(list(registry.GLOBALS)), "x"]), max_size=2))
    return [*before, *name.split(), *draw(st.lists(words, max_size=5))]


def _typer(argv: list[str]) -> Call | int | str:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            return typer_app.read(argv, {})
        except DevctlError as error:
            return str(error)


@given(lines())
@settings(max_examples=150, deadline=None)
def test_what_the_quick_parser_accepts_typer_reads_alike(argv: list[str]) -> None:
    try:
        quick: Call | str = parse.parse(argv, {})
    except parse.Declined:
        return
    except DevctlError as error:
        quick = str(error)
    full = _typer(argv)
    if isinstance(quick, str) or not isinstance(full, Call):
        assert full == quick
    else:
        assert (full.path, full.values, full.globals) == (quick.path, quick.values, quick.globals)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert typer_app.read([*name.split(), "-h"], {}) == 0
    shown = capsys.readouterr().out
    assert "Examples:" in shown
    assert all(line in shown for line in COMMANDS[name].examples)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_examples_are_command_lines_that_are_understood(name: str) -> None:
    for example in COMMANDS[name].examples:
        words = shlex.split(example.split(" | ")[0].split(" > ")[0])
        assert words[0] == "devctl"
        call = parse.parse(words[1:], {})
        assert call.command is COMMANDS[name] or call.path in COMMANDS


@pytest.mark.parametrize("argv", [["statsu"], ["tools", "lsit"], ["--fiel", "x", "up"], ["logs", "--tial", "3"]])
def test_a_misspelt_word_is_named_with_the_nearest_right_one(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert typer_app.read(argv, {}) == 2
    said = capsys.readouterr().err
    assert "Did you mean" in said or "Possible options" in said


def test_a_global_option_after_the_command_is_told_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert typer_app.read(["status", "--env-file", "x"], {}) == 2
    assert "--env-file stands before the command: devctl --env-file" in capsys.readouterr().err


def test_environment_variables_stand_in_for_options() -> None:
    call = parse.parse(["up"], {"DEVCTL_RUN_AS": "embedded", "DEVCTL_PROFILES": "a,b", "DEVCTL_FILE": "x.yaml"})
    assert call.values["run_as"] == "embedded"
    assert (call.globals["profiles"], call.globals["files"]) == (["a", "b"], ["x.yaml"])


def test_the_command_line_beats_the_environment() -> None:
    assert parse.parse(["up", "--run-as", "native"], {"DEVCTL_RUN_AS": "embedded"}).values["run_as"] == "native"


def test_a_wrong_value_in_the_environment_is_named_by_its_variable() -> None:
    with pytest.raises(DevctlError, match="DEVCTL_RUN_AS takes"):
        parse.parse(["up"], {"DEVCTL_RUN_AS": "magic"})


def test_each_parameter_has_a_name_that_its_command_takes() -> None:
    for name, command in COMMANDS.items():
        names = {param.name for param in command.params}
        code = command.run.__code__  # type: ignore[attr-defined]
        taken = set(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])
        assert names == taken, name
        assert all(isinstance(param, Option | Argument) for param in command.params)
