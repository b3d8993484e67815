"""Starting a keeper: the lock and the listening socket are made here and handed over, so that of many starters
one wins and a client may connect at once. Standard library only and light: the command may call it, too.
"""

import contextlib
import errno
import fcntl
import os
import socket
import stat
import sys

from devctl.keeper import system

LOCK_NAME, SOCKET_NAME, ERRORS_NAME, FIFO_FOLDER = "keeper.lock", "keeper.sock", "keeper.err", "fifo"
LOCK_FD, SOCKET_FD = 3, 4
BACKLOG = 16
_STANDARD_ERROR = 2
_OPEN_FILES_FOLDER = "/proc/self/fd" if sys.platform.startswith("linux") else "/dev/fd"
_SPARE_FD = 16  # descriptors to hand over are moved out of the way of 3 and 4 first


def make_private_folder(path: str) -> None:
    """Make `path` (0700), or verify that it is a folder of ours that nobody else may enter; PermissionError."""
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        make_private_folder(parent)
    above = os.stat(parent)
    if not above.st_mode & stat.S_ISVTX and (above.st_uid not in (0, os.getuid()) or above.st_mode & 0o022):
        raise PermissionError(errno.EPERM, "others may replace what lies in this folder", parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "not a private folder of this user", path)


def start(runtime: str, python: str = sys.executable) -> int | None:
    """Start a keeper for this runtime folder and return its pid; None when there is one already."""
    make_private_folder(runtime)
    lock = lock_file(os.path.join(runtime, LOCK_NAME))
    if lock is None:
        return None
    try:
        listener = _listen(os.path.join(runtime, SOCKET_NAME))
        try:
            return _spawn(python, runtime, lock, listener.fileno())
        finally:
            listener.close()
    finally:
        os.close(lock)


def lock_file(path: str) -> int | None:
    """Return a locked descriptor of the file that `path` leads to; None when another process holds it."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), os.stat(path)):
                return lock
        except BlockingIOError:
            os.close(lock)
            return None
        except FileNotFoundError:
            pass  # an ending process removed it between our opening and locking
        os.close(lock)


def move_out_of_way(fd: int) -> int:
    """Return a copy of a descriptor that is to be handed over, above the numbers that the child gets them as."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _SPARE_FD)


def close_inheritable() -> list[tuple[int, int]]:
    """Return the actions of a spawn that close what a child would inherit beyond its standard streams: a pipe or a
    lock of the caller, which a process that stays would hold for as long as it runs.
    """
    inheritable = []
    for name in os.listdir(_OPEN_FILES_FOLDER):
        with contextlib.suppress(OSError):  # the listing's own descriptor is in it
            if int(name) > _STANDARD_ERROR and os.get_inheritable(int(name)):
                inheritable.append((os.POSIX_SPAWN_CLOSE, int(name)))
    return inheritable


def _listen(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(BACKLOG)
    return listener


def _spawn(python: str, runtime: str, lock: int, listener: int) -> int:
    main = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    errors = os.path.join(runtime, ERRORS_NAME)
    high_lock, high_listener = move_out_of_way(lock), move_out_of_way(listener)
    try:
        return os.posix_spawn(
            python,
            [python, "-I", "-S", main, runtime],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_OPEN, 2, errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                *close_inheritable(),
                (os.POSIX_SPAWN_DUP2, high_lock, LOCK_FD),
                (os.POSIX_SPAWN_DUP2, high_listener, SOCKET_FD),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=system.default_signals(),
        )
    finally:
        os.close(high_lock)
        os.close(high_listener)
