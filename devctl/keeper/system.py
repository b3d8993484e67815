"""The few things the keeper needs of the operating system: subreaper, start times, pipes, who is calling.

Each has an answer on Linux and a weaker one elsewhere; nothing here keeps state.
"""

import contextlib
import fcntl
import os
import resource
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Iterator

LINUX = sys.platform.startswith("linux")
_F_SETPIPE_SIZE = 1031
_PR_SET_CHILD_SUBREAPER = 36
_SYS_PIDFD_GETFD = 438  # the same number on every architecture
_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2  # macOS
_OPEN_FILES = (16384, 10240)  # three descriptors per instance, for thousands of instances; macOS gives no more
_LONGEST_PATH = 1024  # MAXPATHLEN of macOS, which F_GETPATH fills
_CLOSED_FILES = 1 << 16  # where the system says that there is no limit


def become_subreaper() -> bool:
    """Make orphans below this process its children; False where the system cannot."""
    if not LINUX:
        return False
    import ctypes

    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def raise_file_limit() -> None:
    """Allow enough open files for many instances, within what the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in _OPEN_FILES:
        limit = most if hard == resource.RLIM_INFINITY else min(hard, most)
        if soft == resource.RLIM_INFINITY or soft >= limit:
            return
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            return


@contextlib.contextmanager
def soft_file_limit(soft: int) -> Iterator[None]:
    """Have what is started in the body begin with this soft limit of open files."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


def path_of(fd: int) -> str:
    """Return the path of an open file as it is now, wherever it was moved to; empty where the system does not say."""
    if LINUX:
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/self/fd/{fd}")
    elif hasattr(fcntl, "F_GETPATH"):
        with contextlib.suppress(OSError):
            return fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(_LONGEST_PATH)).rstrip(b"\0").decode()
    return ""


def close_from(lowest: int) -> None:
    """Close every descriptor from `lowest` on."""
    most = os.sysconf("SC_OPEN_MAX")
    os.closerange(lowest, most if LINUX and most > 0 else _CLOSED_FILES)


def start_ticks(pid: int) -> int:
    """Return when `pid` started, in the kernel's ticks; 0 when it is gone or the system does not say."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def is_same(pid: int, ticks: int) -> bool:
    """Tell whether `pid` is alive and still the process that started at `ticks`."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return fields[0] not in (b"Z", b"X") and int(fields[19]) == ticks
    except (OSError, IndexError, ValueError):
        return False


def open_process(pid: int) -> int | None:
    """Return a descriptor that becomes readable when `pid` ends; None where there is no such thing."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.pidfd_open(pid)
    return None


def splice(source: int, target: int, most: int) -> int | None:
    """Move up to `most` bytes between descriptors without a copy; None where there is no such thing.

    BlockingIOError when there is nothing to move.
    """
    if sys.platform == "linux" and hasattr(os, "splice"):
        return os.splice(source, target, most, flags=os.SPLICE_F_NONBLOCK)
    return None


def boot_id() -> str:
    """Return what tells this boot of the machine from any other."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return _boot_session()


def _boot_session() -> str:
    """Return what macOS calls this boot; elsewhere the minute of the boot."""
    import ctypes

    name, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    try:
        has_failed = ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", name, ctypes.byref(size), None, 0)
    except AttributeError:
        has_failed = True
    return str(int(time.time() - time.monotonic()) // 60) if has_failed else name.value.decode()


def waiting_bytes(fd: int) -> int:
    """Return how many bytes lie unread in the pipe."""
    answer = fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0")
    return int(struct.unpack("i", answer)[0])


def widen_pipe(fd: int, size: int) -> None:
    """Enlarge the pipe where the system has that and allows it."""
    if LINUX:
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, _F_SETPIPE_SIZE, size)


def peer_uid(connection: socket.socket) -> int:
    """Return the user id of the process at the other end of a Unix socket."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    else:
        credentials = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)
    return int(struct.unpack_from("2I", credentials)[1])  # pid and user; version of the layout and user


def peer_pid(connection: socket.socket) -> int:
    """Return the process at the other end of a Unix socket, the one that listened for it; 0 when it cannot be told."""
    pid = 0
    with contextlib.suppress(OSError):
        if sys.platform == "linux":
            pid = struct.unpack("i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4))[0]
        else:
            pid = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID)
    return int(pid)


def default_signals() -> list[int]:
    """Return the signals that a child must find with their default effect: all that can have another one, since whoever
    began the stack may have ignored any of them (`nohup`, `&` in a script, some CI runners)."""
    return [int(number) for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP)]


def open_sockets(process: int) -> list[int]:
    """Return the descriptors of the sockets that the process of a pidfd has open; none where it cannot be told."""
    try:
        with open(f"/proc/self/fdinfo/{process}") as file:
            pid = next(int(line.split()[1]) for line in file if line.startswith("Pid:"))
        folder = f"/proc/{pid}/fd"
        return [int(name) for name in os.listdir(folder) if os.readlink(f"{folder}/{name}").startswith("socket:")]
    except (OSError, StopIteration, ValueError):
        return []


def copy_socket(process: int | None, fd: int) -> socket.socket | None:
    """Return our own copy of a socket of another process (by its pidfd); None where that is not permitted."""
    if process is None or not LINUX:
        return None
    import ctypes

    copy = ctypes.CDLL(None, use_errno=True).syscall(_SYS_PIDFD_GETFD, process, fd, 0)
    if copy < 0:
        return None
    os.set_inheritable(copy, False)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None
