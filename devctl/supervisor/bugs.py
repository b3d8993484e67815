"""What becomes of an error that nobody expected: its trace goes into the supervisor's log, and who asked is told."""

from __future__ import annotations

import traceback

from devctl.errors import DevctlError, ExitCode


class SupervisorBug(DevctlError):
    """Something in the supervisor failed that should not have."""

    exit_code = ExitCode.BUG


def explained(error: BaseException) -> DevctlError:
    """Return what a person is told of an error that ended a piece of work, and log it where it is a bug."""
    if isinstance(error, DevctlError):
        return error
    traceback.print_exception(error)
    (last, *_) = reversed(traceback.format_exception_only(error))
    return SupervisorBug(f"a bug in the supervisor: {last.strip()}", next="supervisor.log of the run has the details.")
