"""A real stack in folders of its own: supervisor and keeper as processes, services as small commands."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devctl.core.checks import Check
from devctl.core.spec import Dependency, Service, Spec, Variant
from devctl.core.status import Kind
from devctl.paths import StackPaths
from devctl.record import store
from devctl.session.client import Client
from devctl.session.connect import connect
from devctl.session.protocol import StatusView
from devctl.supervisor import sockets
from tests.waiting import eventually

PYTHON = sys.executable


class RealStack:
    """A stack of a test. Every helper uses the session as a front end would."""

    def __init__(self, folder: Path) -> None:
        self.paths = StackPaths(folder)

    def spec(self, *services: Service, **fields: Any) -> Spec:
        table = {s.name: s for s in services}
        environment = {"PATH": os.environ["PATH"]}
        return Spec("t", str(self.paths.folder), table, tuple(table), host_environment=environment, **fields)

    def client(self) -> Client:
        """Return a client; the supervisor is started when none runs."""
        client = connect(self.paths, start=True)
        assert client is not None
        return client

    def status(self) -> StatusView:
        with self.client() as client:
            return client.status()

    def statuses(self) -> dict[str, str]:
        return {s["name"]: s["status"] for s in self.status()["services"]}

    def pids(self) -> dict[str, int]:
        return {i["id"]: i["pid"] for s in self.status()["services"] for i in s["instances"]}

    def restarts(self) -> dict[str, int]:
        return {i["id"]: i["restarts"] for s in self.status()["services"] for i in s["instances"]}

    def free_port(self) -> int:
        """Return a port that is free now, outside those that outgoing connections get."""
        low, _ = sockets.ephemeral_range()
        return next(n for n in range(random.randrange(11_000, low - 1_000), low) if sockets.is_free(n))

    def is_left(self) -> bool:
        """Whether anything of the stack is still there: its runtime folder, or a process that was started in it."""
        return self.paths.runtime.exists() or bool(self.processes())

    def processes(self) -> list[int]:
        """Return everything that was started for this stack: what names its folder, or bears the tag of a run."""
        runs = [run.id for run in store.runs(self.paths)]
        return processes_with(str(self.paths.folder), str(self.paths.runtime), *runs)


def process(name: str, *argv: str, check: Check | None = None, **fields: Any) -> Service:
    """Return a service that runs a command."""
    needs = tuple(Dependency(other, condition) for other, condition in fields.pop("after", {}).items())
    variant = Variant("process", Kind.PROCESS, argv=argv, check=check, environment=fields.pop("environment", {}))
    return Service(name, (variant,), depends_on=needs, **fields)


def script(name: str, code: str, **fields: Any) -> Service:
    """Return a service that runs a piece of Python."""
    return process(name, PYTHON, "-I", "-S", "-c", code, **fields)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1] != b"Z"
    except OSError:
        return False


def processes_with(*texts: str) -> list[int]:
    """Return the living processes whose environment or command line holds one of `texts`."""
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                content = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if any(text.encode() in content for text in texts) and is_alive(int(entry.name)):
                pids.append(int(entry.name))
    return pids


def kill(pid: int) -> None:
    """Kill a process and wait until it no longer runs."""
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_alive(pid), what=f"the end of {pid}")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[RealStack]:
    base = Path(tempfile.mkdtemp(prefix="dv"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(base))
    (base / "stack").mkdir()
    made = RealStack((base / "stack").resolve())
    yield made
    if made.paths.runtime.exists():
        with made.client() as client:
            client.down(now=True)
    for pid in made.processes():
        kill(pid)
    shutil.rmtree(base, ignore_errors=True)
