"""`devctl init`: a first stack.yaml, from nothing or from a Compose file."""

from __future__ import annotations

from pathlib import Path

from devctl.cli.context import Context
from devctl.cli.declare import Command, Option
from devctl.errors import UsageError

FIRST = """\
# yaml-language-server: $schema=./stack.schema.json
name: {name}

services:
  web:
    command: ["${{python}}", -m, http.server, --bind, 127.0.0.1, "${{services.web.http.port}}"]
    ports: {{http: auto}}
    healthcheck: {{http: /}}

  # A bought-in product: the real program where this machine can have it, else a stand-in.
  # kafka: {{uses: kafka, with: {{topics: {{orders: {{partitions: 3}}}}}}}}
"""


def run(context: Context, *, from_compose: str | None, output: str | None, force: bool) -> int:
    """Write the manifest; what is there already is only replaced with --force."""
    target = Path(output or "stack.yaml")
    text = _converted(Path(from_compose)) if from_compose else FIRST.format(name=_name(Path.cwd()))
    if output == "-":
        context.terminal.write(text.rstrip())
        return 0
    if target.exists() and not force:
        raise UsageError("it exists already", where=str(target), next="Say --force to replace it.")
    target.write_text(text, encoding="utf-8")
    context.terminal.say(f"Wrote {target}. `devctl config -q` checks it, `devctl up` starts it.")
    return 0


def _converted(compose: Path) -> str:
    from devctl.manifest.compose import convert

    return convert(compose)


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
