"""`devctl exec`: a command with a service's environment, in its folder."""

from __future__ import annotations

import os
from pathlib import Path

from devctl.actions import launches
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Argument, Command
from devctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import LaunchView


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
        os.execvpe(words[0], words, _environment(launch))  # noqa: S606  replacing ourselves is the point
    except OSError as error:
        raise UsageError(f"cannot run {words[0]}: {error.strerror}", where=launch["working_dir"]) from error


def _environment(launch: LaunchView) -> dict[str, str]:
    """Return the service's environment; `python` is the service's own, as are the commands installed beside it."""
    environment = launch["environment"]
    own = Path(launch["argv"][0])
    path = environment.get("PATH", os.defpath)
    return {**environment, "PATH": f"{own.parent}{os.pathsep}{path}"} if own.is_absolute() else environment


COMMAND = Command(
    run,
    shared.ONE_SERVICE,
    Argument("words", many=True, metavar="COMMAND...", help="The command and its arguments, after --."),
    interspersed=False,
    about="The command replaces devctl, so that its exit code, terminal and signals are its own. The folder of the "
    "service's own program comes first on its PATH: `python` is the one that runs the service.",
    examples={
        "devctl exec user -- python -m services.user.admin ada@example.org": "an administration script",
        "devctl exec order -- env": "look around",
    },
)
