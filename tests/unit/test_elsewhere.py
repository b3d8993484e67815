"""macOS: no test runs there, but every module can be imported without what only Linux has."""

import subprocess
import sys

IMPORT_ALL = """
import asyncio, ctypes, importlib, multiprocessing, os, pkgutil, signal, socket, sys, time, urllib.request
import psutil, watchfiles  # libraries look at the platform, too
for module, names in {
    os: ("splice", "SPLICE_F_NONBLOCK", "pidfd_open", "pipe2"), signal: ("pidfd_send_signal",),
    socket: ("SO_PEERCRED",), time: ("CLOCK_BOOTTIME",), asyncio: ("PidfdChildWatcher",),
}.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.platform = "darwin"
import devctl
for found in pkgutil.walk_packages(devctl.__path__, "devctl."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
from devctl.keeper import system
assert system.open_process(os.getpid()) is None and system.splice(0, 1, 1) is None and not system.become_subreaper()
system.raise_file_limit()
assert system._boot_session() == system._boot_session() != ""
"""


def test_every_module_can_be_imported_where_linux_is_not() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
