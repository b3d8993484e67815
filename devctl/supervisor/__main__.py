"""`python -m devctl.supervisor --folder F --project P --lock FD`: the supervisor of one stack.

Started by `session.connect`, with the locked descriptor of the runtime folder's lock.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from devctl.errors import EnvironmentProblem
from devctl.paths import StackPaths
from devctl.supervisor import own_log
from devctl.supervisor.process import SupervisorProcess


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
    if sys.platform == "linux" and sys.version_info < (3, 12):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())  # no thread per child
    paths = StackPaths(Path(options["--folder"]), options["--project"])
    try:
        return asyncio.run(SupervisorProcess(paths, lock).run())
    except EnvironmentProblem as problem:  # before it could answer anybody: the command that started it reads this
        print(problem, file=sys.stderr)
        return problem.exit_code


def _stay(*_: object) -> None:
    """Do nothing about a signal that is not for this process."""


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # what the interpreter would tidy up goes with the process, and somebody waits for its end
