"""docs/cli.md, generated from the declarations: `python -m devctl.cli.line.reference --check | --write`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from devctl.cli.line import registry
from devctl.cli.line.declare import Command, GlobalOptions, Group
from devctl.cli.line.params import Flag, Option, Param

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
OVERVIEW = Path(__file__).with_name("overview.py")
COLUMNS = 80
HEAD = """\
# Command line

Generated from the commands' own declarations (`python -m devctl.cli.line.reference --write`); do not edit.

Results go to stdout, messages go to stderr. Every reading command has `--json`; its shape is stable, keys may be added.
Lists that can be long are JSON lines. Log text and names are stripped of terminal control sequences on the way to a
person; `--json` keeps the original text, ASCII-escaped. Colours: none when stdout is no terminal, with
`TERM=dumb`, `NO_COLOR` or `--no-color`; `FORCE_COLOR` turns them on.

| exit code | meaning |
|---|---|
| 0 | ok |
| 1 | not healthy, or a check failed |
| 2 | usage or manifest |
| 3 | environment: engine, tool, port, disk |
| 4 | a bug in devctl (a report file is named) |
| 130 | interrupted |

## Global options

They stand before the command: `devctl -f other.yaml up`.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    parts = [HEAD + "\n" + "\n".join(_table(GlobalOptions.params))]
    parts += [f"Also `{alias}` is `{name}`." for alias, name in registry.ALIASES.items()]
    for name, summary in registry.COMMANDS.items():
        declared = registry.find(name)
        assert declared is not None
        if isinstance(declared, Group):
            parts += _group(name, summary, declared)
        else:
            parts.append(_command(name, summary, declared))
    return "\n\n".join(parts) + "\n"


def _group(name: str, summary: str, group: Group) -> Iterator[str]:
    yield f"## devctl {name}\n\n{summary} {group.about}".rstrip()
    for action, (line, command) in group.commands.items():
        yield _command(f"{name} {action}", line, command)


def _command(name: str, summary: str, command: Command) -> str:
    usage = " ".join(["devctl", name, "[OPTIONS]", *(argument.metavar for argument in command.options.positional())])
    parts = [f"## devctl {name}", f"`{usage}`", " ".join(part for part in (summary, command.about) if part)]
    if command.options.params:
        parts.append("\n".join(_table(command.options.params)))
    parts.append(_examples(command.examples))
    if command.shape:
        parts.append(f"`--json`: {command.shape}")
    return "\n\n".join(parts)


def overview() -> str:
    """Return the module that holds what `devctl --help` prints, so that nothing need be loaded for it."""
    from devctl.cli.line.typer_app import overview as printed

    lines = printed(COLUMNS - 2).rstrip().replace("\\", "\\\\")  # click leaves two columns free
    about = "What `devctl --help` prints, made by reference.py: loading what makes it takes longer than all else."
    return f'"""{about}"""\n\nCOLUMNS = {COLUMNS}\nTEXT = """\\\n{lines}"""\n'


def _table(params: tuple[Param, ...]) -> Iterator[str]:
    yield "| option | meaning |\n|---|---|"
    for param in params:
        if isinstance(param, Option):
            text = "" if isinstance(param, Flag) else f" {param.metavar}"
            spelled = ", ".join(f"`{flag}{text}`" for flag in sorted(param.flags, key=len, reverse=True))
            variable = f" (`{param.env}`)" if param.env else ""
            yield f"| {_escaped(spelled)} | {param.help}{variable} |"
        else:
            yield f"| `{param.metavar}` | {param.help} |"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _examples(examples: Mapping[str, str]) -> str:
    width = max(map(len, examples))
    return "\n".join(["```sh", *(f"{line:<{width}}  # {why}" for line, why in examples.items()), "```"])


def main(arguments: list[str]) -> int:
    """Write the page, or tell whether the one on disk is the same."""
    if arguments not in (["--check"], ["--write"]):
        print("usage: python -m devctl.cli.line.reference --check | --write", file=sys.stderr)
        return 2
    files = {PAGE: page(), OVERVIEW: overview()}
    stale = [file for file, text in files.items() if not file.is_file() or file.read_text(encoding="utf-8") != text]
    for file in stale:
        if arguments == ["--write"]:
            file.write_text(files[file], encoding="utf-8")
        else:
            print(f"{file} is out of date: run python -m devctl.cli.line.reference --write", file=sys.stderr)
    return int(bool(stale) and arguments == ["--check"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
