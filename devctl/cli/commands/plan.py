"""`devctl plan`: what `up` would do, and why, without doing it."""

from __future__ import annotations

import json

from devctl.actions.up import Wishes, load
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Option
from devctl.text import clean


def run(
    context: Context, *, services: list[str], run_as: str | None, profiles: list[str], no_deps: bool,
    force_recreate: bool, as_json: bool,
) -> int:  # fmt: skip
    """Print the plan of an `up` with these options."""
    wishes = Wishes(
        services=services, run_as=run_as or "", profiles=profiles, no_deps=no_deps, force=force_recreate,
        as_json=as_json,
    )  # fmt: skip
    return show(context, wishes)


def show(context: Context, wishes: Wishes) -> int:
    """Print the steps, one a line; from the running stack's state where one runs."""
    from devctl.views import offline

    if wishes.isolated:
        context.isolate()
    spec = load(context, wishes)
    ask = client.plan if (client := context.client()) else offline.plan
    steps = ask(spec, names=wishes.services, force=wishes.force, no_deps=wishes.no_deps)
    if wishes.as_json:
        for step in steps:
            context.terminal.write(json.dumps(step))
    elif steps:
        context.terminal.write("\n".join(clean(step["text"]) for step in steps))
    else:
        context.terminal.say("Nothing to do: everything runs as stack.yaml says.")
    return 0


COMMAND = Command(
    run,
    shared.SERVICES,
    shared.RUN_AS,
    shared.PROFILE,
    Option("--no-deps", flag=True, help="Not what the named services depend on."),
    Option("--force-recreate", flag=True, help="Restart also what did not change."),
    shared.JSON,
    examples={"devctl plan": "what `devctl up` would do now", "devctl plan order": "for one service"},
    shape="JSON lines `{action, service, cause, after, text}` in order; `action`: fetch, start, stop, restart or skip.",
)
