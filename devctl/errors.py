"""The errors that devctl tells people about: what happened, where, what to do next.

One short tree; `cli.main` is the one border that turns them into text and an exit code.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ends (see `devctl --help`); 126 and 127 are those of `exec` and `run` alone, as in a shell."""

    OK = 0
    UNHEALTHY = 1
    USAGE = 2
    ENVIRONMENT = 3
    BUG = 4
    NO_EXECUTABLE = 126
    NO_PROGRAM = 127
    INTERRUPTED = 130


class DevctlError(Exception):
    """A failure that its reader can act upon.

    `what` happened, `where` (service, file:line:column, path, address; may be empty), what to do `next`.
    """

    exit_code = ExitCode.UNHEALTHY

    def __init__(self, what: str, *, where: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.next = next

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  {self.next}" if self.next else head


class UsageError(DevctlError):
    """The command line asks for something that does not exist or does not fit."""

    exit_code = ExitCode.USAGE


class EnvironmentProblem(DevctlError):
    """The machine lacks something: a tool, a free port, disk space, an engine, permission."""

    exit_code = ExitCode.ENVIRONMENT
