"""`devctl exec`: a command with a service's environment, in its folder or container."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from devctl.actions.finders import find_launch
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import RequiredArguments
from devctl.errors import DevctlError, ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from devctl.session.protocol import LaunchView


class ExecOptions(Options):
    """What `devctl exec` takes."""

    service = shared.ONE_SERVICE
    argv = RequiredArguments("COMMAND...", help="The command and its arguments, after --.")


def run(context: Context, options: ExecOptions) -> int:
    """Become the command, or run it in the container; its exit code is ours."""
    argv = options.argv[1:] if options.argv[0] == "--" else options.argv
    if not argv:
        raise UsageError("no command to run", next="`devctl exec SERVICE -- COMMAND` runs one.")
    launch = find_launch(context.stack.session(), options.service)
    context.terminal.flush()
    if launch["container"]:
        from devctl.engine import terminal
        from devctl.engine.base import Address

        return terminal.execute(Address(launch["engine"], "the container engine"), launch["container"], argv)
    return become(argv, launch, launch["working_dir"] or str(context.stack.paths.folder))


def become(argv: list[str], launch: LaunchView, folder: str) -> NoReturn:
    """Replace devctl by a command with the environment of a launch, in a folder."""
    try:
        os.chdir(folder)
    except OSError as error:
        what = f"cannot work in the folder of {launch['instance']}: {error.strerror}"
        raise UsageError(what, where=folder) from error
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores in this process, and programs expect
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], argv, _environment(launch))  # noqa: S606  replacing ourselves is the point
    except FileNotFoundError as error:
        raise CannotRun(argv[0], error, ExitCode.NO_PROGRAM) from error
    except OSError as error:
        raise CannotRun(argv[0], error, ExitCode.NO_EXECUTABLE) from error


class CannotRun(DevctlError):
    """The command of an `exec` could not be run; the exit code is the one that shells have for it."""

    def __init__(self, program: str, error: OSError, code: ExitCode) -> None:
        super().__init__(f"cannot run {program}: {error.strerror}")
        self.exit_code = code


def _environment(launch: LaunchView) -> dict[str, str]:
    """Return the service's environment; `python` is the service's own, as are the commands installed beside it."""
    environment = launch["environment"]
    program = Path(launch["argv"][0])
    path = environment.get("PATH", os.defpath)
    return {**environment, "PATH": f"{program.parent}{os.pathsep}{path}"} if program.is_absolute() else environment


COMMAND = Command(
    run,
    ExecOptions,
    interspersed=False,
    about="The command replaces devctl, so that its exit code, terminal and signals are its own: the one exception to "
    "devctl's exit codes; 127 where there is no such program and 126 where it cannot be executed, as in a shell. The "
    "folder of the service's own program comes first on its PATH: `python` is the one that runs the service. Of a "
    "service that runs as a container it runs in there, with a terminal where there is one here.",
    examples={
        "devctl exec user -- python -m services.user.admin ada@example.org": "an administration script",
        "devctl exec order -- env": "look around",
    },
)
