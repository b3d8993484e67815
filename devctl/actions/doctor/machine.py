"""What `doctor` looks at on this machine: each check is a name, what was found, and the cure where it is bad."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devctl.paths import StackPaths, cache_folder, runtime_base
from devctl.text import size

ENOUGH_DISK = 2_000_000_000
ENOUGH_MEMORY = 1_500_000_000
ENOUGH_FILES = 1024
ENOUGH_WATCHES = 8192
ENGINE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `state`: ok, note (something is not there that may be missed) or bad (something will not work)."""

    name: str
    state: str
    found: str
    cure: str = ""


def findings(environ: Mapping[str, str], folder: Path | None) -> Iterator[Finding]:
    """Yield all checks of this machine; nothing is changed and no network but loopback is used."""
    yield _python()
    yield _system()
    for name, place in (("disk of the stack", folder or Path.cwd()), ("disk of the tools", cache_folder())):
        yield _disk(name, place)
    yield _memory()
    yield _open_files()
    yield from _inotify()
    yield _runtime_folder(folder)
    yield engine(environ)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", f"{version} at {sys.executable}")


def _system() -> Finding:
    name = f"{os.uname().sysname} {os.uname().release} on {os.uname().machine}"
    if os.uname().sysname == "Linux":
        return Finding("system", "ok", name)
    return Finding("system", "note", name, "no subreaper here: children that leave their session may outlive a stop")


def _disk(name: str, place: Path) -> Finding:
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    writable = os.access(place, os.W_OK)
    state = "ok" if free >= ENOUGH_DISK and writable else "bad"
    cure = "" if writable else f"make {place} writable for you"
    if free < ENOUGH_DISK:
        cure = "`devctl prune` and `devctl tools remove` free some"
    return Finding(name, state, f"{size(free)} free at {place}", cure)


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    enough = memory.available >= ENOUGH_MEMORY
    cure = "" if enough else "`devctl up --run-as embedded` needs least"
    found = f"{size(memory.available)} of {size(memory.total)} available"
    return Finding("memory", "ok" if enough else "note", found, cure)


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = soft >= ENOUGH_FILES or soft == resource.RLIM_INFINITY
    return Finding("open files", "ok" if enough else "bad", f"{soft} allowed", "" if enough else "ulimit -n 4096")


def _inotify() -> Iterator[Finding]:
    limits = Path("/proc/sys/fs/inotify")
    if not limits.is_dir():
        return
    watches = int((limits / "max_user_watches").read_text())
    enough = watches >= ENOUGH_WATCHES
    cure = "" if enough else "sysctl fs.inotify.max_user_watches=65536, or `devctl up --no-watch`"
    yield Finding("file watches", "ok" if enough else "note", f"{watches} allowed", cure)


def _runtime_folder(folder: Path | None) -> Finding:
    base = runtime_base()
    path = StackPaths(folder).socket if folder else base / ("x" * 12) / "session.sock"
    if len(os.fsencode(path)) > 103:
        return Finding("runtime folder", "bad", str(base), "too long a path for a socket: set XDG_RUNTIME_DIR shorter")
    parent = next(place for place in (base, *base.parents) if place.exists())
    good = os.access(parent, os.W_OK)
    return Finding("runtime folder", "ok" if good else "bad", str(base), "" if good else f"make {parent} writable")


def engine(environ: Mapping[str, str]) -> Finding:
    """Tell whether a container engine answers on its socket."""
    places = _engine_sockets(environ)
    for place in places:
        if version := _ping(place):
            return Finding("container engine", "ok", f"{version} at {place}")
    return Finding("container engine", "note", "none answers", "not needed: this version runs no containers yet")


def _engine_sockets(environ: Mapping[str, str]) -> list[str]:
    named = environ.get("DOCKER_HOST", "")
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = [named.removeprefix("unix://")] if named.startswith("unix://") else []
    places += ["/var/run/docker.sock", "/run/podman/podman.sock"]
    places += [f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"] if runtime else []
    return [place for place in places if Path(place).exists()]


def _ping(place: str) -> str:
    """Return who answers on an engine's socket, empty when nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ENGINE_SECONDS)
        try:
            connection.connect(place)
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            answer = connection.recv(4096).decode("latin-1")
        except OSError:
            return ""
    server = [line.partition(":")[2].strip() for line in answer.splitlines() if line.lower().startswith("server:")]
    return (server or ["an engine"])[0] if " 200 " in answer.partition("\r\n")[0] else ""


def port_findings(wanted: Mapping[int, str], holder: Callable[[int], str]) -> Iterator[Finding]:
    """Yield one finding for each fixed port (number → service) that somebody else holds."""
    for number, service in sorted(wanted.items()):
        if who := holder(number):
            yield Finding(f"port {number}", "bad", f"wanted by {service}, held by {who}", "stop it, or `ports: auto`")


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
