"""`devctl exec`: a command with a service's environment, in its folder."""

from __future__ import annotations

import os

from devctl.cli import launches, shared
from devctl.cli.context import Context
from devctl.cli.declare import Argument, Command
from devctl.errors import UsageError


def run(context: Context, *, service: str, words: list[str]) -> int:
    """Become the command; its exit code is ours."""
    if words[0] == "--":
        words = words[1:]
    if not words:
        raise UsageError("no command to run", next="`devctl exec SERVICE -- COMMAND` runs one.")
    launch = launches.find(context, service)
    context.terminal.flush()
    try:
        os.chdir(launch["working_dir"] or str(context.paths.folder))
        os.execvpe(words[0], words, launch["environment"])  # noqa: S606  replacing ourselves is the point
    except OSError as error:
        raise UsageError(f"cannot run {words[0]}: {error.strerror}", where=launch["working_dir"]) from error


COMMAND = Command(
    run,
    shared.ONE_SERVICE,
    Argument("words", many=True, metavar="COMMAND...", help="The command and its arguments, after --."),
    interspersed=False,
    about="The command replaces devctl, so that its exit code, terminal and signals are its own.",
    examples={
        "devctl exec order -- python -m services.order.admin": "an administration script",
        "devctl exec order -- env": "look around",
    },
)
