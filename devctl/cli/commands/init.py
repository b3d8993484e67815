"""`devctl init`: a first stack.yaml, from nothing or from a Compose file."""

from __future__ import annotations

from pathlib import Path

from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Option
from devctl.errors import UsageError
from devctl.manifest.compose import convert, template
from devctl.render import problems
from devctl.text import typed


def run(context: Context, *, from_compose: str | None, output: str | None, force: bool) -> int:
    """Write the manifest; what is there already is only replaced with --force."""
    target = Path(output or "stack.yaml")
    text = _converted(context, Path(from_compose)) if from_compose else template(_name(Path.cwd()))
    if output == "-":
        context.terminal.write(text.rstrip())
        return 0
    if target.exists() and not force:
        raise UsageError("it exists already", where=str(target), next="Say --force to replace it.")
    if not target.parent.is_dir():
        raise UsageError("no such folder", where=str(target.parent))
    target.write_text(text, encoding="utf-8")
    context.terminal.say(typed(f"Wrote {target}. `devctl config -q` checks it, `devctl up` starts it."))
    return 0


def _converted(context: Context, compose: Path) -> str:
    """Return the converted file; say what was left out or is to be looked at."""
    converted = convert(compose)
    for note in converted.notes:
        context.terminal.say(problems.warning(str(note), context.terminal))
    return converted.text


def _name(folder: Path) -> str:
    """Return the folder's name as a stack may be called."""
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in folder.name.lower()).strip("-")
    return letters or "stack"


COMMAND = Command(
    run,
    Option("--from-compose", metavar="FILE", complete="file", help="Convert this Compose file."),
    Option("--output", "-o", metavar="FILE", help="Where to write, - for stdout; stack.yaml unless given."),
    Option("--force", flag=True, help="Replace what is there."),
    examples={
        "devctl init": "a stack of one web server to begin with",
        "devctl init --from-compose compose.yaml -o -": "see what a Compose file becomes",
    },
)
