"""`devctl schema`: the JSON Schema of stack.yaml, for editors."""

from __future__ import annotations

from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options


def run(context: Context, _: Options) -> int:
    """Print the schema."""
    from devctl.manifest import schema

    context.terminal.write(schema.schema_text().rstrip())
    return 0


COMMAND = Command(
    run,
    Options,
    about="Editors find it through the first line of stack.yaml: "
    "`# yaml-language-server: $schema=./stack.schema.json`.",
    examples={"devctl schema > stack.schema.json": "for completion and checks while editing"},
)
