"""`devctl env`: the environment that a service gets, secrets masked."""

from __future__ import annotations

from devctl.actions.finders import find_launch
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag
from devctl.masking import mask_environment
from devctl.text import clean


class EnvOptions(Options):
    """What `devctl env` takes."""

    service = shared.ONE_SERVICE
    reveal = Flag("--reveal", help="Show passwords, tokens, secrets and keys too.")
    as_json = shared.JSON


def run(context: Context, options: EnvOptions) -> int:
    """Print the environment as NAME=VALUE lines, or as one JSON object."""
    launch = find_launch(context.stack.session(), options.service)
    environment = dict(sorted(launch["environment"].items()))
    shown = environment if options.reveal else mask_environment(environment)
    if options.as_json:
        import json

        context.terminal.write(json.dumps(shown, indent=2))
    else:
        for name, value in shown.items():
            context.terminal.write(f"{clean(name)}={value if options.reveal else clean(value)}")
    return 0


COMMAND = Command(
    run,
    EnvOptions,
    about="What names with PASS, TOKEN, SECRET, KEY, CREDENTIAL or DSN hold is masked, and passwords and tokens in "
    "addresses and options; a folder or an address stays readable.",
    examples={"devctl env order": "what the service sees", "devctl env order --reveal > order.env": "with secrets"},
    shape="One object, name → value.",
)
