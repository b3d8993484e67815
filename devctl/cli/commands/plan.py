"""`devctl plan`: what `up` would do, and why, without doing it."""

from __future__ import annotations

import json

from devctl.actions import up
from devctl.actions.up import UpOptions
from devctl.cli import display, shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag
from devctl.text import clean


class PlanOptions(Options):
    """What `devctl plan` takes."""

    services = shared.SERVICES
    run_as = shared.RUN_AS
    profiles = shared.PROFILE
    no_deps = Flag("--no-deps", help="Not what the named services depend on.")
    force_recreate = Flag("--force-recreate", help="Restart also what did not change.")
    as_json = shared.JSON


def run(context: Context, options: PlanOptions) -> int:
    """Print the plan of an `up` with these options."""
    planned = UpOptions(
        services=options.services, run_as=options.run_as or "", profiles=options.profiles, no_deps=options.no_deps,
        force_recreate=options.force_recreate,
    )  # fmt: skip
    return show(context, planned, as_json=options.as_json)


def show(context: Context, planned: UpOptions, *, as_json: bool) -> int:
    """Print the steps, one a line; from the running stack's state where one runs."""
    steps = up.plan(context.stack, planned, display.choose(context, quiet=True))
    if as_json:
        for step in steps:
            context.terminal.write(json.dumps(step))
    elif steps:
        context.terminal.write("\n".join(clean(step["text"]) for step in steps))
    else:
        context.terminal.say("Nothing to do: everything runs as stack.yaml says.")
    return 0


COMMAND = Command(
    run,
    PlanOptions,
    examples={"devctl plan": "what `devctl up` would do now", "devctl plan order": "for one service"},
    shape="JSON lines `{action, service, cause, after, text}` in order; `action`: fetch, start, stop, restart or skip.",
)
