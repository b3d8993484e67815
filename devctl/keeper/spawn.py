"""Starting one program as a session of its own, its output on a FIFO. Decides nothing, keeps nothing."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Mapping, Sequence

from devctl.keeper import system

FIRST_INHERITED = 3
_SPARE_FD = 256  # inherited sockets are moved up here first, out of the way of 3, 4, …
_NAME_OWN_PID = 'LISTEN_PID=$$; export LISTEN_PID; exec "$@"'


def make_fifo(path: str) -> int:
    """Make the FIFO unless it is there, and open it for reading; it never reports an end of file."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)


def fifo_of(pid: int, path: str) -> int:
    """Open the FIFO that a running instance writes to, also where its name was taken away meanwhile."""
    with contextlib.suppress(OSError):
        output = os.stat(f"/proc/{pid}/fd/1")
        if stat.S_ISFIFO(output.st_mode) and not (os.path.exists(path) and os.stat(path).st_ino == output.st_ino):
            return os.open(f"/proc/{pid}/fd/1", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    return make_fifo(path)


def find_program(name: str, working_dir: str, environment: Mapping[str, str]) -> str:
    """Return the path of the program as its own environment finds it; OSError says why there is none."""
    if "/" in name:
        path = os.path.join(working_dir, name)
        _check_program(path)
        return path
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(working_dir, folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(errno.ENOENT, "no such program on its PATH", name)


def _check_program(path: str) -> None:
    if not os.path.exists(path):
        raise FileNotFoundError(errno.ENOENT, "no such program", path)
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise PermissionError(errno.EACCES, "not an executable file", path)


def spawn(
    argv: Sequence[str], environment: Mapping[str, str], working_dir: str, fifo: str, inherited: Sequence[int]
) -> int:
    """Start the program and return its pid; OSError says why it could not be started.

    `inherited` descriptors become 3, 4, … with LISTEN_FDS and LISTEN_PID as systemd sets them.
    """
    if not os.path.isdir(working_dir):
        raise FileNotFoundError(errno.ENOENT, "no such working directory", working_dir)
    program = find_program(argv[0], working_dir, environment)
    if inherited:
        environment = {**environment, "LISTEN_FDS": str(len(inherited))}
        argv = ["/bin/sh", "-c", _NAME_OWN_PID, "sh", program, *argv[1:]]
        program = "/bin/sh"
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _SPARE_FD) for fd in inherited]
    os.chdir(working_dir)  # one thread only, so nobody else can see it
    try:
        return os.posix_spawn(
            program,
            list(argv),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
                (os.POSIX_SPAWN_OPEN, 1, fifo, os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                *((os.POSIX_SPAWN_DUP2, fd, FIRST_INHERITED + index) for index, fd in enumerate(moved)),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=system.default_signals(),
        )
    finally:
        os.chdir("/")
        for fd in moved:
            os.close(fd)
