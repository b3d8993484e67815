"""`devctl affected`: the services that a change touches, for pipelines that test and build only those."""

from __future__ import annotations

import dataclasses
import json

from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag, Text
from devctl.cli.shared import JSON
from devctl.errors import ExitCode
from devctl.text import clean


class AffectedOptions(Options):
    """What `devctl affected` takes."""

    since = Text("--since", metavar="REV", help="The revision of git to compare with; HEAD unless given.")
    with_dependents = Flag("--with-dependents", help="Also services that depend on one that is touched.")
    as_json = JSON


def run(context: Context, options: AffectedOptions) -> int:
    """Print the services that differ from what they were."""
    from devctl.actions import affected

    since = options.since or "HEAD"
    touched = affected.affected(context.stack, since, with_dependents=options.with_dependents)
    for entry in touched:
        line = json.dumps(dataclasses.asdict(entry)) if options.as_json else clean(entry.service)
        context.terminal.write(line)
        if not options.as_json:
            context.terminal.say(f"{clean(entry.service)}: {clean(entry.because)}")
    if not touched:
        context.terminal.say(f"No service is touched since {clean(since)}.")
    return ExitCode.OK


COMMAND = Command(
    run,
    AffectedOptions,
    about="Compares the working tree with the commit at which this branch left REV, and names each service of the "
    "manifest that is made of a changed file: by `watch`, `build`, `env_file`, the program that its `command` starts "
    "with all that it imports (Python), files that another key names, files of pinned packages, and its own entry. "
    "Services of every profile count. stdout has the names alone, stderr the reasons.",
    examples={
        "devctl affected --since origin/main": "what this branch touches",
        "devctl affected --since origin/main --json | jq -sc 'map(.service)'": "the matrix of a CI job",
        "devctl affected --with-dependents": "what is not committed yet, with all that depends on it",
    },
    shape="JSON lines `{service, because}`.",
)
