"""The quick parser: reads a command line by its declarations, or declines.

It accepts only what typer would accept with the same result; whatever needs words to a person (help, mistakes,
completion) it leaves to typer, whose import alone costs 100 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devctl.cli.line import registry
from devctl.cli.line.declare import Argument, Call, Group, Option, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class Declined(Exception):
    """This command line is for typer."""


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> Call:
    """Return the call that `argv` (without the program's name) means; Declined when it has to be explained."""
    words, rest = _read(registry.GLOBALS, argv, interspersed=False)
    if not rest:
        raise Declined
    name, *rest = rest
    command = registry.find(name)
    if isinstance(command, Group):
        if not rest or rest[0] not in command.commands:
            raise Declined
        name, command, rest = f"{name} {rest[0]}", command.commands[rest[0]][1], rest[1:]
    if command is None:
        raise Declined
    values, words_left = _read(command.options, rest, interspersed=command.interspersed)
    _place(command.arguments, words_left, values)
    return Call(name, command, convert(command.params, values, environ), convert(registry.GLOBALS, words, environ))


def _read(options: Sequence[Option], argv: Sequence[str], *, interspersed: bool) -> tuple[dict[str, Value], list[str]]:
    spellings = {flag: option for option in options for flag in option.flags}
    values: dict[str, Value] = {}
    words: list[str] = []
    pending = list(reversed(argv))
    while pending:
        word = pending.pop()
        if word == "--":
            return values, words + pending[::-1]
        if word.startswith("--"):
            _long(word, spellings, pending, values)
        elif word.startswith("-") and len(word) > 1:
            _short(word, spellings, pending, values)
        else:
            words.append(word)
            if not interspersed:
                return values, words + pending[::-1]
    return values, words


def _long(word: str, spellings: Mapping[str, Option], pending: list[str], values: dict[str, Value]) -> None:
    name, equals, value = word.partition("=")
    option = spellings.get(name)
    if option is None or (option.flag and equals):
        raise Declined
    _store(option, value if equals else "", bool(equals), pending, values)


def _short(word: str, spellings: Mapping[str, Option], pending: list[str], values: dict[str, Value]) -> None:
    for position in range(1, len(word)):
        option = spellings.get("-" + word[position])
        if option is None:
            raise Declined
        if option.flag:
            values[option.name] = True
            continue
        glued = word[position + 1 :]
        _store(option, glued, bool(glued), pending, values)
        return


def _store(option: Option, value: str, given: bool, pending: list[str], values: dict[str, Value]) -> None:
    if option.flag:
        values[option.name] = True
        return
    if not given:
        # A value that looks like an option is more likely a forgotten value: typer decides and explains.
        if not pending or (pending[-1].startswith("-") and len(pending[-1]) > 1):
            raise Declined
        value = pending.pop()
    if option.many:
        earlier = values.setdefault(option.name, [])
        assert isinstance(earlier, list)
        earlier.append(value)
    else:
        values[option.name] = value


def _place(arguments: Sequence[Argument], words: list[str], values: dict[str, Value]) -> None:
    for argument in arguments:
        if argument.many:
            values[argument.name], words = words, []
        elif words:
            values[argument.name], words = words[0], words[1:]
        if argument.required and not values.get(argument.name):
            raise Declined
    if words:
        raise Declined


def convert(
    params: Sequence[Option | Argument], given: Mapping[str, object], environ: Mapping[str, str]
) -> dict[str, Value]:
    """Return a value for every parameter: given, from the environment, or the default; UsageError on a wrong one."""
    return {param.name: _value(param, given.get(param.name), environ) for param in params}


def _value(param: Option | Argument, given: object, environ: Mapping[str, str]) -> Value:
    if isinstance(param, Argument):
        return [str(word) for word in _items(given)] if param.many else None if given is None else str(given)
    if param.flag:
        return bool(given)
    source = param.long
    if not given and given != "" and param.env and environ.get(param.env):
        source, given = param.env, environ[param.env]
        if param.many:
            given = [word for word in str(given).split(",") if word]
    if param.many:
        return [_checked(param, str(item), source) for item in _items(given)]
    if given is None:
        return None
    text = _checked(param, str(given), source)
    return _whole(text, source) if param.whole else text


def _items(given: object) -> list[object]:
    return list(given) if isinstance(given, list | tuple) else []


def _checked(param: Option, text: str, source: str) -> str:
    if param.choices and text not in param.choices:
        _refuse_choice(param, text, source)
    return text


def _whole(text: str, source: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    from devctl.errors import UsageError

    raise UsageError(f"{source} takes a whole number, not {text!r}")


def _refuse_choice(param: Option, text: str, source: str) -> NoReturn:
    from devctl.errors import UsageError
    from devctl.text import listing, nearest

    guess = nearest(text, param.choices)
    raise UsageError(
        f"{source} takes {listing(param.choices, 'or')}, not {text!r}",
        next=f"Did you mean {guess!r}?" if guess else "",
    )
