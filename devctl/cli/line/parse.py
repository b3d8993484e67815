"""The quick parser: reads a command line by its declarations, or leaves it to typer.

It accepts only what typer would accept with the same result; whatever has to be explained to a person (help,
mistakes, completion) needs the full parser, whose import alone costs 100 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devctl.cli.line import registry
from devctl.cli.line.declare import Call, Command, GlobalOptions, Group
from devctl.cli.line.params import Flag, Option, Positional

RawValues = dict[str, object]
"""By parameter: True for a flag, the text of an option or argument, or the list of its texts."""


class NeedsFullParser(Exception):
    """This command line is for typer."""


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> Call:
    """Return the call that `argv` (without the program's name) means; NeedsFullParser when it must be explained."""
    before, rest = _split(GlobalOptions.named(), argv, interspersed=False)
    path, command, following = _command(rest)
    values, positional = _split(command.options.named(), following, interspersed=command.interspersed)
    _assign(command.options.positional(), positional, values)
    return Call(path, command, command.options(values, environ), GlobalOptions(before, environ))


def _command(argv: Sequence[str]) -> tuple[str, Command, Sequence[str]]:
    """Return the command at the beginning of `argv`, its name in full, and what follows."""
    if not argv:
        raise NeedsFullParser
    name, *rest = argv
    command = registry.find(name)
    if isinstance(command, Group):
        if not rest or rest[0] not in command.commands:
            raise NeedsFullParser
        return f"{name} {rest[0]}", command.commands[rest[0]][1], rest[1:]
    if command is None:
        raise NeedsFullParser
    return name, command, rest


def _split(options: Sequence[Option], argv: Sequence[str], *, interspersed: bool) -> tuple[RawValues, list[str]]:
    """Return the options' values and what else stands there; without `interspersed` options end at that."""
    spellings = {flag: option for option in options for flag in option.flags}
    values: RawValues = {}
    positional: list[str] = []
    pending = list(reversed(argv))
    while pending:
        item = pending.pop()
        if item == "--":
            return values, positional + pending[::-1]
        if item.startswith("--"):
            _long(item, spellings, pending, values)
        elif item.startswith("-") and len(item) > 1:
            _short(item, spellings, pending, values)
        else:
            positional.append(item)
            if not interspersed:
                return values, positional + pending[::-1]
    return values, positional


def _long(item: str, spellings: Mapping[str, Option], pending: list[str], values: RawValues) -> None:
    name, equals, text = item.partition("=")
    option = spellings.get(name)
    if option is None or (isinstance(option, Flag) and equals):
        raise NeedsFullParser
    _store(option, text if equals else None, pending, values)


def _short(item: str, spellings: Mapping[str, Option], pending: list[str], values: RawValues) -> None:
    for position in range(1, len(item)):
        option = spellings.get("-" + item[position])
        if option is None:
            raise NeedsFullParser
        if not isinstance(option, Flag):
            _store(option, item[position + 1 :] or None, pending, values)
            return
        values[option.name] = True


def _store(option: Option, text: str | None, pending: list[str], values: RawValues) -> None:
    """Keep an option's value: the `text` that is joined to it, else the next one."""
    if isinstance(option, Flag):
        values[option.name] = True
        return
    if text is None:
        # A value that looks like an option is more likely a forgotten value: typer decides and explains.
        if not pending or (pending[-1].startswith("-") and len(pending[-1]) > 1):
            raise NeedsFullParser
        text = pending.pop()
    if option.is_list:
        earlier = values.setdefault(option.name, [])
        assert isinstance(earlier, list)
        earlier.append(text)
    else:
        values[option.name] = text


def _assign(arguments: Sequence[Positional], positional: list[str], values: RawValues) -> None:
    for argument in arguments:
        if argument.is_list:
            values[argument.name], positional = positional, []
        elif positional:
            values[argument.name], positional = positional[0], positional[1:]
        if argument.is_required and not values.get(argument.name):
            raise NeedsFullParser
    if positional:
        raise NeedsFullParser
