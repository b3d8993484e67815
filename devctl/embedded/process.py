"""What every emulator shares: its arguments, its log lines as JSON, and a clean end on SIGTERM.

Never knows what the emulator does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from devctl.clock import rfc3339


@dataclass(frozen=True)
class Address:
    """Where an emulator listens: one host and one port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Log:
    """Writes one JSON object a line to standard output, each naming the emulator."""

    def __init__(self, name: str, stream: TextIO = sys.stdout) -> None:
        self._name = name
        self._stream = stream

    def info(self, message: str, **fields: object) -> None:
        """Write a line of level `info`."""
        self._line("info", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Write a line of level `warning`."""
        self._line("warning", message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Write a line of level `error`."""
        self._line("error", message, fields)

    def _line(self, level: str, message: str, fields: dict[str, object]) -> None:
        line = {"time": rfc3339(time.time_ns()), "level": level, "message": message, "stand_in": self._name, **fields}
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


def parser(module: str, purpose: str) -> argparse.ArgumentParser:
    """Return an argument parser that knows `--listen HOST:PORT` and `--data DIR`."""
    arguments = argparse.ArgumentParser(prog=f"python -m devctl.embedded.{module}", description=purpose)
    arguments.add_argument("--listen", type=address, required=True, metavar="HOST:PORT")
    arguments.add_argument("--data", type=Path, default=None, metavar="DIR", help="where to keep its state")
    return arguments


def address(text: str) -> Address:
    """Read `HOST:PORT`; raise ValueError when it is not one."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:8500")
    return Address(host.strip("[]"), int(port))


def private_folder(path: Path) -> Path:
    """Make the folder, readable by its owner alone, and give it back."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


async def until_told_to_stop() -> None:
    """Wait for SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
