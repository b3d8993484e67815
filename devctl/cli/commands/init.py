"""`devctl init`: a first stack.yaml, from nothing or from a Compose file."""

from __future__ import annotations

from pathlib import Path

from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag, Text
from devctl.errors import UsageError
from devctl.manifest.compose import convert, template
from devctl.text import typed


class InitOptions(Options):
    """What `devctl init` takes."""

    from_compose = Text("--from-compose", metavar="FILE", complete="file", help="Convert this Compose file.")
    output = Text("--output", "-o", metavar="FILE", help="Where to write, - for stdout; stack.yaml unless given.")
    force = Flag("--force", help="Replace what is there.")


def run(context: Context, options: InitOptions) -> int:
    """Write the manifest; what is there already is only replaced with --force."""
    target = Path(options.output or "stack.yaml")
    compose = options.from_compose
    text = _converted(context, Path(compose)) if compose else template(_name(Path.cwd()))
    if options.output == "-":
        context.terminal.write(text.rstrip())
        return 0
    if target.exists() and not options.force:
        raise UsageError("it exists already", where=str(target), next="Say --force to replace it.")
    if not target.parent.is_dir():
        raise UsageError("no such folder", where=str(target.parent))
    target.write_text(text, encoding="utf-8")
    context.terminal.say(typed(f"Wrote {target}. `devctl config -q` checks it, `devctl up` starts it."))
    return 0


def _converted(context: Context, compose: Path) -> str:
    """Return the converted file; say what was left out or is to be looked at."""
    converted = convert(compose)
    context.warn(map(str, converted.notes))
    return converted.text


def _name(folder: Path) -> str:
    """Return the folder's name as a stack may be called."""
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in folder.name.lower()).strip("-")
    return letters or "stack"


COMMAND = Command(
    run,
    InitOptions,
    examples={
        "devctl init": "a stack of one web server to begin with",
        "devctl init --from-compose compose.yaml -o -": "see what a Compose file becomes",
    },
)
