"""The quick parser and typer read the same declarations: what the one accepts, the other reads alike."""

import contextlib
import io
import random
import shlex
from collections.abc import Iterator

import pytest

from devctl.cli.line import parse, registry, typer_app
from devctl.cli.line.declare import Call, Command, GlobalOptions, Group, Options
from devctl.cli.line.params import Arguments, Duration, Flag, Number, Option, Positional, Text
from devctl.errors import DevctlError

LINES = 3000


def _commands() -> dict[str, Command]:
    commands: dict[str, Command] = {}
    for name in registry.COMMANDS:
        declared = registry.find(name)
        if isinstance(declared, Group):
            commands |= {f"{name} {action}": command for action, (_, command) in declared.commands.items()}
        elif declared:
            commands[name] = declared
    return commands


COMMANDS = _commands()
TEXTS = ["order", "5m", "3", "auto", "a=b", "ü", "dot", "order.1"]
ODD = ["-1", "-x", "--", "-", "", "--nope", "-fx", "-qv", "-", "\x1b", "9" * 12]


class Line:
    """A command line that is right by construction, and the raw values that it has."""

    def __init__(self, rng: random.Random) -> None:
        self.name = rng.choice(sorted(COMMANDS))
        options = COMMANDS[self.name].options
        self.globals, before = self._options(rng, GlobalOptions.named())
        self.values, after = self._options(rng, options.named())
        positional = [text for param in options.positional() for text in self._positional(rng, param)]
        if COMMANDS[self.name].interspersed:
            tokens = [[text] for text in positional]
            mixed = self._merge(rng, tokens, after)
        else:
            mixed = [*after, *([text] for text in positional)]
        self.argv = [token for part in (*before, self.name.split(), *mixed) for token in part]

    @staticmethod
    def _merge(rng: random.Random, first: list[list[str]], second: list[list[str]]) -> list[list[str]]:
        """Mix two sequences, each in its own order."""
        takes = [True] * len(first) + [False] * len(second)
        rng.shuffle(takes)
        remaining = iter(first), iter(second)
        return [next(remaining[0] if take else remaining[1]) for take in takes]

    def _options(self, rng: random.Random, options: list[Option]) -> tuple[dict[str, object], list[list[str]]]:
        raw: dict[str, object] = {}
        parts: list[list[str]] = []
        for option in rng.sample(options, rng.randint(0, min(3, len(options)))):
            for _ in range(rng.randint(1, 2)):
                parts.append(self._option(rng, option, raw))
        return raw, parts

    def _option(self, rng: random.Random, option: Option, raw: dict[str, object]) -> list[str]:
        flag = rng.choice(option.flags)
        if isinstance(option, Flag):
            raw[option.name] = True
            return [flag]
        text = self._text(rng, option)
        raw[option.name] = [*raw.get(option.name, []), text] if option.is_list else text  # type: ignore[misc]
        joined = f"{flag}={text}" if flag.startswith("--") else flag + text
        return [joined] if rng.random() < 0.4 else [flag, text]

    def _text(self, rng: random.Random, option: Option) -> str:
        if option.choices:
            return rng.choice(option.choices)
        if isinstance(option, Number):
            return str(rng.randint(0, 999))
        return rng.choice(["250ms", "5m", "1h30m"]) if isinstance(option, Duration) else rng.choice(TEXTS)

    def _positional(self, rng: random.Random, param: Positional) -> list[str]:
        least = int(param.is_required)
        texts = [rng.choice(TEXTS) for _ in range(rng.randint(least, 3 if param.is_list else 1))]
        if param.is_list:
            self.values[param.name] = texts
        elif texts:
            self.values[param.name] = texts[0]
        return texts


def _mutated(rng: random.Random, argv: list[str]) -> list[str]:
    """Return a line with something odd in it, which may or may not be right any more."""
    flags = [flag for command in COMMANDS.values() for option in command.options.named() for flag in option.flags]
    changed = list(argv)
    for _ in range(rng.randint(1, 2)):
        position = rng.randint(0, len(changed))
        match rng.randint(0, 3):
            case 0:
                changed.insert(position, rng.choice([*ODD, *TEXTS]))
            case 1:
                changed.insert(position, rng.choice(flags) + rng.choice(["", "=", "=order", "x"]))
            case 2 if changed:
                del changed[min(position, len(changed) - 1)]
            case _ if changed:
                changed[min(position, len(changed) - 1)] = rng.choice(ODD)
    return changed


def _typer(argv: list[str]) -> Call | int | str:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            return typer_app.read(argv, {})
        except DevctlError as error:
            return str(error)


def _quick(argv: list[str]) -> Call | str | None:
    try:
        return parse.parse(argv, {})
    except parse.NeedsFullParser:
        return None
    except DevctlError as error:
        return str(error)


def _parts(call: Call | int | str | None) -> object:
    return (call.path, call.options, call.globals) if isinstance(call, Call) else call


def _lines() -> Iterator[tuple[random.Random, Line]]:
    rng = random.Random(random.getrandbits(32))  # pytest-randomly seeds it and prints its seed
    return ((rng, Line(rng)) for _ in range(LINES))


def test_thousands_of_right_lines_are_read_alike_by_both_parsers_and_as_they_were_meant() -> None:
    for _, line in _lines():
        call = _quick(line.argv)
        assert isinstance(call, Call), line.argv
        assert call.path == line.name
        assert call.options == COMMANDS[line.name].options(line.values, {}), line.argv
        assert call.globals == GlobalOptions(line.globals, {}), line.argv
        assert _parts(_typer(line.argv)) == _parts(call), line.argv


def test_of_thousands_of_odd_lines_each_that_the_quick_parser_accepts_is_read_alike_by_typer() -> None:
    accepted = 0
    for rng, line in _lines():
        argv = _mutated(rng, line.argv)
        quick = _quick(argv)
        if quick is not None:
            accepted += 1
            assert _parts(_typer(argv)) == _parts(quick), argv
    assert accepted > LINES // 10


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert typer_app.read([*name.split(), "-h"], {}) == 0
    shown = capsys.readouterr().out
    assert "Examples:" in shown
    assert all(line in shown for line in COMMANDS[name].examples)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_examples_are_command_lines_that_are_understood(name: str) -> None:
    for example in COMMANDS[name].examples:
        program, *argv = shlex.split(example.split(" | ")[0].split(" > ")[0])
        assert program == "devctl"
        call = parse.parse(argv, {})
        assert call.command is COMMANDS[name] or call.path in COMMANDS


@pytest.mark.parametrize("argv", [["statsu"], ["tools", "lsit"], ["--fiel", "x", "up"], ["logs", "--tial", "3"]])
def test_a_misspelt_word_is_named_with_the_nearest_right_one(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert typer_app.read(argv, {}) == 2
    message = capsys.readouterr().err
    assert "Did you mean" in message or "Possible options" in message


def test_a_global_option_after_the_command_is_told_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert typer_app.read(["status", "--env-file", "x"], {}) == 2
    assert "--env-file stands before the command: devctl --env-file" in capsys.readouterr().err


def options_of(call: Call) -> dict[str, object]:
    return vars(call.options)


def test_environment_variables_stand_in_for_options() -> None:
    call = parse.parse(["up"], {"DEVCTL_RUN_AS": "embedded", "DEVCTL_PROFILES": "a,b", "DEVCTL_FILE": "x.yaml"})
    assert options_of(call)["run_as"] == "embedded"
    assert (call.globals.profiles, call.globals.files) == (["a", "b"], ["x.yaml"])


def test_the_command_line_beats_the_environment() -> None:
    call = parse.parse(["up", "--run-as", "native"], {"DEVCTL_RUN_AS": "embedded"})
    assert options_of(call)["run_as"] == "native"


def test_a_wrong_value_in_the_environment_is_named_by_its_variable() -> None:
    with pytest.raises(DevctlError, match="DEVCTL_RUN_AS takes"):
        parse.parse(["up"], {"DEVCTL_RUN_AS": "magic"})


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_two_options_of_a_command_are_spelled_alike(name: str) -> None:
    flags = [flag for option in COMMANDS[name].options.named() for flag in option.flags]
    assert len(flags) == len(set(flags))


def test_options_inherit_the_parameters_of_their_base_before_their_own() -> None:
    class Base(Options):
        first = Flag("--first", help="")

    class Derived(Base):
        rest = Arguments("REST", help="")

    assert [param.name for param in Derived.params] == ["first", "rest"]
    assert vars(Derived({"first": True, "rest": ["x"]}, {})) == {"first": True, "rest": ["x"]}


def test_a_parameter_that_commands_share_has_one_name() -> None:
    shared = Text("--shared", help="")

    class _First(Options):
        name = shared

    with pytest.raises((TypeError, RuntimeError)):

        class _Second(Options):
            other = shared
