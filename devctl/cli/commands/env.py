"""`devctl env`: the environment that a service gets, secrets masked."""

from __future__ import annotations

from devctl.actions import launches
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Option
from devctl.text import clean, mask_environment


def run(context: Context, *, service: str, reveal: bool, as_json: bool) -> int:
    """Print the environment as NAME=VALUE lines, or as one JSON object."""
    environment = dict(sorted(launches.find(context, service)["environment"].items()))
    shown = environment if reveal else mask_environment(environment)
    if as_json:
        import json

        context.terminal.write(json.dumps(shown, indent=2))
    else:
        for name, value in shown.items():
            context.terminal.write(f"{clean(name)}={value if reveal else clean(value)}")
    return 0


COMMAND = Command(
    run,
    shared.ONE_SERVICE,
    Option("--reveal", flag=True, help="Show passwords, tokens, secrets and keys too."),
    shared.JSON,
    about="Values of *_PASSWORD, *_TOKEN, *_SECRET, *_KEY and passwords in URLs are masked.",
    examples={"devctl env order": "what the service sees", "devctl env order --reveal > order.env": "with secrets"},
    shape="One object, name → value.",
)
