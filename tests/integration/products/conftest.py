"""A stack of one product, run by devctl itself on the real program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from devctl.products import toolbox
from devctl.tools.base import Available
from tests.waiting import eventually


@dataclass(frozen=True)
class Stack:
    """A stack in a folder of its own, spoken to over the command line."""

    folder: Path
    runtime: str

    def devctl(self, *arguments: str) -> str:
        """Run devctl and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "devctl", "-f", str(self.folder / "stack.yaml"), *arguments],
            cwd=self.folder, env={**os.environ, "XDG_RUNTIME_DIR": self.runtime},
            capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr + self.log()
        return done.stdout

    def log(self) -> str:
        """Return the end of every log of the runs."""
        files = sorted((self.folder / ".devctl").glob("runs/*/logs/*/*.log"))
        return "".join(f"\n== {file}\n{file.read_text(errors='replace')[-3000:]}" for file in files)

    def service(self, name: str) -> dict[str, Any]:
        """Return one service as `status --json` shows it, also while it is not healthy."""
        command = [sys.executable, "-m", "devctl", "-f", str(self.folder / "stack.yaml"), "status", "--json"]
        done = subprocess.run(
            command, cwd=self.folder, env={**os.environ, "XDG_RUNTIME_DIR": self.runtime},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        services: dict[str, Any] = {service["name"]: service for service in json.loads(done.stdout)["services"]}
        return dict(services[name])

    def url(self, service: str, port: str, path: str = "") -> str:
        """Return the address of a port."""
        return f"http://{self.service(service)['ports'][port]}{path}"

    def volume(self, service: str) -> Path:
        """Return the folder of a service's data."""
        return self.folder / ".devctl" / "volumes" / service

    def processes(self) -> list[psutil.Process]:
        """Return every process that belongs to the stack: its folder is in the command line or the environment."""
        running = []
        for process in psutil.process_iter():
            try:
                texts = [*process.cmdline(), process.environ().get("HOME", ""), process.cwd()]
            except (psutil.Error, OSError):
                continue
            if process.pid != os.getpid() and any(str(self.folder) in text for text in texts):
                running.append(process)
        return running

    def listeners(self) -> set[str]:
        """Return the addresses on which the stack's processes listen."""
        addresses = set()
        for process in self.processes():
            try:
                connections = process.net_connections("inet")
            except psutil.Error:
                continue
            addresses |= {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}
        return addresses

    def kill_and_wait(self, name: str) -> None:
        """Kill the service's process and wait until devctl has it healthy again."""
        before = self.service(name)["instances"][0]
        os.kill(before["pid"], signal.SIGKILL)

        def is_back() -> bool:
            service = self.service(name)
            return bool(service["status"] == "healthy" and service["instances"][0]["pid"] != before["pid"])

        eventually(is_back, within=180, every=0.5)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Return a function that starts a stack of one product; it skips where the machine cannot have the program."""
    stacks = []
    with tempfile.TemporaryDirectory(prefix="dv") as runtime:

        def up(product: str, tool: str, manifest: str) -> Stack:
            offer = toolbox.available(tool)
            if not isinstance(offer, Available):
                pytest.skip(f"{product}: {offer.reason}")
            (tmp_path / "stack.yaml").write_text(f"name: {product}\ntelemetry: off\nservices:\n  {manifest}\n")
            stack = Stack(tmp_path, runtime)
            stacks.append(stack)
            stack.devctl("up", "-d", "--wait-timeout", "300")
            return stack

        yield up
        for stack in stacks:
            stack.devctl("down")
            eventually(lambda s=stack: not s.processes(), within=10)
