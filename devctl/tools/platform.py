"""Which machine this is, in the words that release archives use. Reads nothing but `os.uname`."""

from __future__ import annotations

import os

_CPUS = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def current() -> str:
    """Return OS and CPU such as `linux-amd64` or `darwin-arm64`."""
    machine = os.uname()
    return f"{machine.sysname.lower()}-{_CPUS.get(machine.machine, machine.machine)}"
