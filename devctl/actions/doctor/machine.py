"""What `doctor` looks at on this machine: each check is a name, what was observed, and the remedy where it is bad."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from devctl.paths import LONGEST_SOCKET_PATH, StackPaths, cache_folder, runtime_base, working_folder
from devctl.text import size

ENOUGH_DISK = 2_000_000_000  # native programs with their archives, and logs and spans up to their caps
ENOUGH_MEMORY = 1_500_000_000  # for a stack with native programs in it: each JVM alone takes some hundred megabytes
ENOUGH_FILES = 1024  # what Linux grants by default; a stack opens two for each instance, and sockets
ENOUGH_WATCHES = 8192  # the lowest default of a kernel; a folder that is watched takes one for each folder in it


class FindingState(StrEnum):
    """How a check ends: WARN when something is not there that may be missed, BAD when something will not work."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


OK, WARN, BAD = FindingState


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of the machine: what was observed, and the remedy where it is not OK."""

    name: str
    state: FindingState
    observation: str
    remedy: str = ""


def findings(environ: Mapping[str, str], folder: Path | None) -> Iterator[Finding]:
    """Yield all checks of this machine; nothing is changed and no network but loopback is used."""
    yield _python()
    yield _system()
    for name, path in (("disk of the stack", folder or working_folder()), ("disk of the tools", cache_folder())):
        yield _disk(name, path)
    yield _memory()
    yield _open_files()
    yield from _inotify()
    yield _runtime_folder(folder)
    yield engine(environ)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", OK, f"{version} at {sys.executable}")


def _system() -> Finding:
    name = f"{os.uname().sysname} {os.uname().release} on {os.uname().machine}"
    if os.uname().sysname == "Linux":
        return Finding("system", OK, name)
    return Finding("system", WARN, name, "no subreaper here: children that leave their session may outlive a stop")


def _disk(name: str, folder: Path) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    state = OK if free >= ENOUGH_DISK and writable else BAD
    remedy = "" if writable else f"make {folder} writable for you"
    if free < ENOUGH_DISK:
        remedy = "`devctl prune` and `devctl tools remove` free some"
    return Finding(name, state, f"{size(free)} free at {folder}", remedy)


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    enough = memory.available >= ENOUGH_MEMORY
    remedy = "" if enough else "`devctl up --run-as embedded` needs least"
    observation = f"{size(memory.available)} of {size(memory.total)} available"
    return Finding("memory", OK if enough else WARN, observation, remedy)


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = soft >= ENOUGH_FILES or soft == resource.RLIM_INFINITY
    return Finding("open files", OK if enough else BAD, f"{soft} allowed", "" if enough else "ulimit -n 4096")


def _inotify() -> Iterator[Finding]:
    limits = Path("/proc/sys/fs/inotify")
    if not limits.is_dir():
        return
    watches = int((limits / "max_user_watches").read_text())
    enough = watches >= ENOUGH_WATCHES
    remedy = "" if enough else "sysctl fs.inotify.max_user_watches=65536, or `devctl up --no-watch`"
    yield Finding("file watches", OK if enough else WARN, f"{watches} allowed", remedy)


def _runtime_folder(folder: Path | None) -> Finding:
    base = runtime_base()
    path = StackPaths(folder).socket if folder else base / ("x" * 12) / "session.sock"
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        return Finding("runtime folder", BAD, str(base), "too long a path for a socket: set XDG_RUNTIME_DIR shorter")
    parent = next(folder for folder in (base, *base.parents) if folder.exists())
    is_writable = os.access(parent, os.W_OK)
    return Finding(
        "runtime folder", OK if is_writable else BAD, str(base), "" if is_writable else f"make {parent} writable"
    )


def engine(environ: Mapping[str, str]) -> Finding:
    """Tell which container engine answers, with its size, or why none does."""
    from devctl.engine import find
    from devctl.engine.base import NoEngine

    outcome = find.usable(environ)
    if isinstance(outcome, NoEngine):
        return Finding("container engine", WARN, outcome.reason, outcome.remedy)
    shown = f"{outcome.title} at {outcome.address.socket_path or outcome.address.url}"
    return Finding("container engine", OK, f"{shown}, {outcome.cores} cores, {size(outcome.memory_bytes)}")


def port_findings(fixed: Mapping[int, str], holder: Callable[[int], str]) -> Iterator[Finding]:
    """Yield one finding for each fixed port (number → service) that somebody else holds."""
    for number, service in sorted(fixed.items()):
        if process := holder(number):
            yield Finding(f"port {number}", BAD, f"wanted by {service}, held by {process}", "stop it, or `ports: auto`")


def holder(number: int) -> str:
    """Return who listens on a port of loopback, empty when it is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except PermissionError:
            return "the system (a privileged port)"
        except OSError:
            return _owner(number)
    return ""


def _owner(number: int) -> str:
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (number,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return "another program"
