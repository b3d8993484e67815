"""One container as the runner of containers has it: what the engine says of it, and how it ended."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Any

from devctl.engine.stream import nanoseconds
from devctl.runners.base import Exit, Identity
from devctl.runners.container_config import INSTANCE, LOG_BYTES, RUN

_ABOVE_PIDS = 1 << 30  # no process has such a number (Linux stops at 2^22): nobody can be hit by mistake


def number_of(container: str, started: str) -> int:
    """Return what tells one life of a container from the next, as a process id tells lives of processes."""
    digest = hashlib.sha256(f"{container} {started}".encode()).digest()
    return _ABOVE_PIDS | int.from_bytes(digest[:4], "big") >> 3


@dataclass(frozen=True, slots=True)
class Inspected:
    """What matters of the engine's description of a container."""

    id: str
    instance: str
    run: str
    log_bytes: int
    is_running: bool
    created: str
    started: str
    finished: str
    exit_code: int
    is_terminal: bool
    stop_signal: str

    @classmethod
    def of(cls, described: dict[str, Any]) -> Inspected:
        """Return it from the engine's JSON."""
        state, config = described["State"], described["Config"]
        labels = config.get("Labels") or {}
        return cls(
            id=described["Id"],
            instance=labels.get(INSTANCE, ""),
            run=labels.get(RUN, ""),
            log_bytes=int(labels.get(LOG_BYTES) or 0),
            is_running=bool(state["Running"]),
            created=described["Created"],
            started=state["StartedAt"],
            finished=state["FinishedAt"],
            exit_code=int(state["ExitCode"]),
            is_terminal=bool(config.get("Tty")),
            stop_signal=config.get("StopSignal") or "",
        )

    @property
    def number(self) -> int:
        return number_of(self.id, self.started)

    @property
    def identity(self) -> Identity:
        return Identity(self.instance, self.number, 0, nanoseconds(self.started), container=self.id)

    @property
    def exit(self) -> Exit:
        return Exit(self.instance, self.number, self.exit_code, nanoseconds(self.finished))


@dataclass
class ManagedContainer:
    """One container that was started or taken back."""

    inspected: Inspected
    exit: Exit | None = None
    is_ending: bool = False  # it has ended, and its last output is being copied
    is_stopping: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    copying: asyncio.Future[None] | None = None
