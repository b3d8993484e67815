"""The one border of the command line: arguments go in, text for people and an exit code come out.

It tells a mistake of the user, a bug of devctl, Ctrl-C and a closed pipe apart; nothing below it prints an error.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence

from devctl.actions.access import Selection, StackAccess
from devctl.cli.context import Context
from devctl.cli.line import parse
from devctl.errors import DevctlError, ExitCode, UsageError
from devctl.paths import reachable, working_folder
from devctl.render.terminal import Terminal

MACHINE_TROUBLE = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.access import Sessions
    from devctl.cli.line.declare import Call, GlobalOptions


def run(
    argv: Sequence[str],
    environ: Mapping[str, str] = os.environ,
    terminal: Terminal | None = None,
    sessions: Sessions | None = None,
) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    screen = terminal or Terminal.of_process(environ)
    return guarded(lambda: _run(argv or ["--help"], environ, screen, sessions), screen, argv, environ)


def _run(argv: Sequence[str], environ: Mapping[str, str], terminal: Terminal, sessions: Sessions | None) -> int:
    _check_text(argv)
    if (code := _overview(argv, environ, terminal)) is not None:
        return code
    call = _read(argv, environ)
    if isinstance(call, int):
        return call
    terminal.no_color = call.globals.no_color
    return call.run(Context(StackAccess(_selection(call.globals), environ, sessions), terminal))


def _check_text(argv: Sequence[str]) -> None:
    """Raise UsageError for an argument that no system call would take, such as half of a surrogate pair."""
    for argument in argv:
        try:
            is_text = b"\0" not in os.fsencode(argument)
        except UnicodeEncodeError:
            is_text = False
        if not is_text:
            raise UsageError(f"{argument!a} is no text that an argument could be")


def _overview(argv: Sequence[str], environ: Mapping[str, str], terminal: Terminal) -> int | None:
    """Print the list of commands where that is all that is asked for, and there is room for it as it was made."""
    if list(argv) not in (["--help"], ["-h"]) or "_DEVCTL_COMPLETE" in environ:
        return None
    from devctl.cli.line import overview

    if terminal.width < overview.COLUMNS:
        return None
    terminal.write(overview.TEXT)
    return ExitCode.OK


def _read(argv: Sequence[str], environ: Mapping[str, str]) -> Call | int:
    """Return the call that is meant, or the exit code after typer answered by itself."""
    try:
        if "_DEVCTL_COMPLETE" in environ:
            raise parse.NeedsFullParser
        return parse.parse(argv, environ)
    except parse.NeedsFullParser:
        from devctl.cli.line import typer_app

        return typer_app.read(argv, environ)


def _selection(options: GlobalOptions) -> Selection:
    return Selection(
        files=tuple(map(reachable, options.files)),
        project_directory=reachable(options.project_directory) if options.project_directory else "",
        project_name=options.project_name or "",
        profiles=options.profiles,
        env_files=tuple(map(reachable, options.env_files)),
    )


def guarded(function: Callable[[], int], terminal: Terminal, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Return the exit code of `function`; show the person whatever it raises."""
    try:
        code = function()
        terminal.flush()
        return code
    except BrokenPipeError:
        terminal.abandon()
        return ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except DevctlError as error:
        return _show(error, terminal, environ)
    except Exception as error:  # the border: what is not the machine's fault is our bug, and goes into a report
        if isinstance(error, OSError) and error.errno in MACHINE_TROUBLE:
            return _show(_trouble(error), terminal, environ)
        if isinstance(error, FileNotFoundError) and not working_folder().is_dir():
            return _show(_homeless(), terminal, environ)
        return _report(error, terminal, argv, environ)


def _trouble(error: OSError) -> DevctlError:
    from devctl.errors import EnvironmentProblem

    path = error.filename if isinstance(error.filename, str) else ""
    return EnvironmentProblem(f"the machine refuses: {error.strerror}", where=path, next="`devctl doctor` says more.")


def _homeless() -> DevctlError:
    from devctl.errors import EnvironmentProblem

    where = str(working_folder())
    return EnvironmentProblem("the working folder was deleted", where=where, next="Change to another folder.")


def _show(error: DevctlError, terminal: Terminal, environ: Mapping[str, str]) -> int:
    from devctl.masking import mask_text
    from devctl.render import problems

    terminal.say(mask_text(problems.text(error, terminal), environ))
    return error.exit_code


def _report(error: Exception, terminal: Terminal, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    from devctl.cli import bug

    path = bug.write(error, argv, environ)
    kind = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    bug_error = DevctlBug(f"devctl has a bug ({kind})", next=f"A report with all that is known was written to {path}.")
    return _show(bug_error, terminal, environ)


class DevctlBug(DevctlError):
    """Something that devctl did not expect of itself."""

    exit_code = ExitCode.BUG
