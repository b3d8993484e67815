"""Services as the processes that they are in a stack, on ports and in folders of the test."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.waiting import eventually


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass
class Running:
    """One service that runs."""

    process: "subprocess.Popen[bytes]"
    url: str
    log: Path

    def is_ready(self) -> bool:
        """Say whether it takes work; fail at once if it has died."""
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health/ready", timeout=2).status_code == 200
        return False


@contextlib.contextmanager
def running(module: str, folder: Path, **environment: str) -> Iterator[Running]:
    """Start `python -m MODULE`, wait until it is ready, and end it."""
    port = int(environment.get("PORT") or free_port())
    log = folder / f"{module}-{port}.log"
    defaults = {"PORT": str(port), "DATA_DIR": str(folder / module), "ARGON2_MEMORY_KIB": "8", "ARGON2_PASSES": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module], env={**os.environ, **defaults, **environment}, stdout=output, stderr=output
        )
    service = Running(process, f"http://127.0.0.1:{port}", log)
    try:
        eventually(service.is_ready, within=60, what=f"{module} ready")
        yield service
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


@contextlib.contextmanager
def kafka(folder: Path, topics: dict[str, int], port: int = 0) -> Iterator[str]:
    """Start a broker that speaks Kafka's protocol, and give its address; the same folder keeps what it holds."""
    address = f"127.0.0.1:{port or free_port()}"
    command = [sys.executable, "-m", "devctl.embedded.kafka", "--listen", address, "--data", str(folder)]
    process = subprocess.Popen([*command, "--topics", json.dumps(topics)], stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: _listens(address), within=20, what="the broker listens")
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False
