"""Where the processes of a session listen, by /proc: for people who wonder why a port refuses. Empty without /proc."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from devctl.machine.process import SESSION, stat_fields

_TABLES = (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6))
_LISTEN = "0A"  # TCP_LISTEN of the kernel's include/net/tcp_states.h
_ADDRESS, _STATE, _INODE = 1, 3, 9


def addresses(session: int) -> list[str]:
    """Return the `host:port` that a session's processes listen on, in order, each once."""
    sockets = {inode for pid in _members(session) for inode in _sockets(pid)}
    return list(dict.fromkeys(address for inode, address in _listening() if inode in sockets)) if sockets else []


def owners() -> dict[str, int]:
    """Return who listens where, `host:port` → pid; 0 where it is a process of somebody else."""
    pids = {inode: int(pid) for pid in _pids() for inode in _sockets(pid)}
    return {address: pids.get(inode, 0) for inode, address in _listening()}


def _pids() -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir("/proc") as entries:
        yield from (entry.name for entry in entries if entry.name.isdigit())


def _members(session: int) -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir("/proc") as entries:
        for entry in entries:
            fields = stat_fields(entry.name) if entry.name.isdigit() else None
            if fields and int(fields[SESSION]) == session:
                yield entry.name


def _sockets(pid: str) -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                target = str(Path(entry.path).readlink())
                if target.startswith("socket:["):
                    yield target[len("socket:[") : -1]


def _listening() -> Iterator[tuple[str, str]]:
    """Yield the inode and the address of each socket that listens."""
    for table, family in _TABLES:
        with contextlib.suppress(OSError), open(table) as file:
            for line in file:
                row = line.split()
                if len(row) > _INODE and row[_STATE] == _LISTEN:
                    yield row[_INODE], _address(row[_ADDRESS], family)


def _address(text: str, family: socket.AddressFamily) -> str:
    """Return `7F000001:1F90`, whose words are in the machine's order, as people write it."""
    number, _, port = text.partition(":")
    numbers = [int(number[at : at + 8], 16) for at in range(0, len(number), 8)]
    host = socket.inet_ntop(family, struct.pack(f"={len(numbers)}I", *numbers))
    return f"[{host}]:{int(port, 16)}" if family == socket.AF_INET6 else f"{host}:{int(port, 16)}"
