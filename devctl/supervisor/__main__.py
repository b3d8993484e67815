"""`python -m devctl.supervisor --folder F --project P --lock FD`: the supervisor of one stack.

Started by `session.connect`, with the locked descriptor of the runtime folder's lock. Somebody waits for the first
service meanwhile: a keeper is started before all that a supervisor consists of is loaded, beside which it loads too.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from pathlib import Path

from devctl.errors import EnvironmentProblem
from devctl.keeper import start
from devctl.machine import lock_record
from devctl.paths import StackPaths
from devctl.supervisor import own_log


def main(arguments: list[str] | None = None) -> int:
    """Run until the stack is down; return the exit code."""
    argv = sys.argv[1:] if arguments is None else arguments
    options = dict(zip(argv[::2], argv[1::2], strict=True))  # argparse alone would cost a tenth of the start
    own_log.begin()
    lock = int(options["--lock"])
    os.set_inheritable(lock, False)
    os.chdir("/")  # whatever folder the command ran in may go
    for number in (signal.SIGHUP, signal.SIGINT):  # handled, not ignored, so that what is started here finds defaults
        signal.signal(number, _stay)
    paths = StackPaths(Path(options["--folder"]), options["--project"])
    return _run(paths, lock, _start_keeper(lock))


def _start_keeper(lock: int) -> int:
    """Start the keeper of a stack of which nothing is left, and return its pid; 0 in every other case, and where it
    cannot be started: the supervisor tries again, and says why."""
    record = lock_record.read_held(lock)
    if record is None or record.has_keeper:
        return 0
    with contextlib.suppress(OSError):
        return start.start(record.runtime) or 0
    return 0


def _run(paths: StackPaths, lock: int, keeper: int) -> int:
    gc.disable()  # nothing goes of what is loaded now: to look for it would take a sixth of the time
    import asyncio

    from devctl.supervisor.process import SupervisorProcess

    gc.enable()
    if sys.platform == "linux" and sys.version_info < (3, 12):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())  # no thread per child
    try:
        return asyncio.run(SupervisorProcess(paths, lock, keeper).run())
    except EnvironmentProblem as problem:  # before it could answer anybody: the command that started it reads this
        print(problem, file=sys.stderr)
        return problem.exit_code


def _stay(*_: object) -> None:
    """Do nothing about a signal that is not for this process."""


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # what the interpreter would tidy up goes with the process, and somebody waits for its end
