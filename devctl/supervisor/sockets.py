"""Which ports of the loopback are free on this machine, and who holds one that is not. Looks, decides nothing."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from devctl.core.launch import HOST

_COMMON_EPHEMERAL = (32768, 60999)
_LISTEN = "0A"
_HAS_TABLE = Path("/proc/net/tcp").exists()


def is_free(number: int) -> bool:
    """Tell whether a service could listen on this port of the loopback now."""
    if not _HAS_TABLE and _is_answered(number):  # BSD lets one bind beside who listens on all addresses
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
        except OSError:
            return False
        return True


def _is_answered(number: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as caller:
        return caller.connect_ex((HOST, number)) == 0


def ephemeral_range() -> tuple[int, int]:
    """Return the ports that the system gives to outgoing connections, first and last."""
    try:
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
        return int(low), int(high)
    except (OSError, ValueError):
        return _COMMON_EPHEMERAL


def owner(number: int) -> str:
    """Return who listens on a port as `name (process 123)`, empty when it cannot be told."""
    inodes = _listening_inodes(number)
    pid = _holder(inodes) if inodes else None
    return f"{_command(pid)} (process {pid})" if pid else _owner_elsewhere(number)


def _listening_inodes(number: int) -> set[str]:
    suffix = f":{number:04X}"
    inodes: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as file:
            rows = (line.split() for line in file)
            inodes |= {row[9] for row in rows if len(row) > 9 and row[1].endswith(suffix) and row[3] == _LISTEN}
    return inodes


def _holder(inodes: set[str]) -> int | None:
    targets = {f"socket:[{inode}]" for inode in inodes}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                for descriptor in os.scandir(f"/proc/{entry.name}/fd"):
                    with contextlib.suppress(OSError):
                        if str(Path(descriptor.path).readlink()) in targets:
                            return int(entry.name)
    return None


def _command(pid: int) -> str:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "a process"
    text = " ".join(word.decode("utf-8", "replace") for word in arguments[:3] if word)
    return text or "a process"


def _owner_elsewhere(number: int) -> str:
    """Return the owner by psutil, for systems without /proc; root may be needed there."""
    if _HAS_TABLE:
        return ""
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            is_listening = connection.status == psutil.CONN_LISTEN and connection.pid
            if is_listening and connection.laddr and connection.laddr.port == number:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""
