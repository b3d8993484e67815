"""`devctl init`: a first stack.yaml, from nothing or from a file of Compose, foreman or process-compose."""

from __future__ import annotations

from pathlib import Path

from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag, Text, TextList
from devctl.errors import UsageError
from devctl.manifest.compose import convert, convert_other, template
from devctl.paths import working_folder
from devctl.text import typed


class InitOptions(Options):
    """What `devctl init` takes."""

    from_compose = TextList(
        "--from-compose", metavar="FILE", complete="file",
        help="Convert this Compose file; several are laid over each other.",
    )  # fmt: skip
    from_file = Text(
        "--from", metavar="FILE", complete="file",
        help="Convert a Procfile, a process-compose.yaml or a Compose file.",
    )  # fmt: skip
    output = Text("--output", "-o", metavar="FILE", help="Where to write, - for stdout; stack.yaml unless given.")
    force = Flag("--force", help="Replace what is there.")


def run(context: Context, options: InitOptions) -> int:
    """Write the manifest; what is there already is only replaced with --force."""
    target = Path(options.output or "stack.yaml")
    text = _text(context, options, target.parent)
    if options.output == "-":
        context.terminal.write(text.rstrip())
        return 0
    if target.is_dir():
        raise UsageError("it is a folder", where=str(target), next="Name the file to write, such as stack.yaml.")
    if target.exists() and not options.force:
        raise UsageError("it exists already", where=str(target), next="Say --force to replace it.")
    if not target.parent.is_dir():
        raise UsageError("no such folder", where=str(target.parent))
    target.write_text(text, encoding="utf-8")
    context.terminal.say(typed(f"Wrote {target}. `devctl config -q` checks it, `devctl up` starts it."))
    return 0


def _text(context: Context, options: InitOptions, folder: Path) -> str:
    """Return what is to be written; say what was left out or is to be looked at."""
    if options.from_compose and options.from_file:
        raise UsageError("--from-compose and --from exclude each other")
    if not options.from_compose and not options.from_file:
        return template(_name(working_folder()))
    environ = context.stack.environ
    if options.from_file:
        converted = convert_other(Path(options.from_file), folder, environ)
    else:
        converted = convert([Path(file) for file in options.from_compose], folder, environ)
    context.warn(map(str, converted.notes))
    return converted.text


def _name(folder: Path) -> str:
    """Return the folder's name as a stack may be called."""
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in folder.name.lower()).strip("-")
    return letters or "stack"


COMMAND = Command(
    run,
    InitOptions,
    about="What a file of another program says and a stack.yaml cannot is listed, each with its place; what is written "
    "always loads.",
    examples={
        "devctl init": "a stack of one web server to begin with",
        "devctl init --from-compose compose.yaml -o -": "see what a Compose file becomes",
        "devctl init --from-compose a.yaml --from-compose b.yaml": "files that are laid over each other",
        "devctl init --from Procfile": "one program a line",
    },
)
