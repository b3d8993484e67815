"""Starts a program for a test, waits until it answers, and ends it; knows nothing of what it runs."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx

from tests.waiting import eventually

# One for all plain HTTP on the loopback: reading the certificates of the machine costs more than a request.
HTTP = httpx.Client(verify=False, trust_env=False, timeout=20.0)


_QUIET_PORTS = (12_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now, below those that the system gives to outgoing connections."""
    pids: set[int] = set()
    while len(pids) < count:
        number = random.randrange(*_QUIET_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", number))
            pids.add(number)
    return list(pids)


def answers_http(url: str, good: Callable[[httpx.Response], bool] = lambda response: response.is_success) -> bool:
    """Tell whether the URL answers well."""
    try:
        return good(HTTP.get(url, timeout=2.0))
    except httpx.HTTPError:
        return False


def accepts(port: int) -> bool:
    """Tell whether somebody listens on this port of the loopback."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    ready: Callable[[], bool],
    output: Path,
    *,
    within: float = 30.0,
    environment: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block runs; its output goes to the file, which a failure shows."""
    with output.open("ab") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    try:
        eventually(lambda: process.poll() is not None or ready(), within=within, what=f"{command[0]} ready")
        assert process.poll() is None, f"it ended with {process.returncode}: {output.read_text()[-2000:]}"
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the program to end, kill it when it does not, and wait for it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(10.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def emulator(name: str, port: int, data: Path | None = None, *more: str) -> list[str]:
    """Return the command of an embedded emulator."""
    command = [sys.executable, "-m", f"devctl.embedded.{name}", "--listen", f"127.0.0.1:{port}"]
    return [*command, *(["--data", str(data)] if data else []), *more]
