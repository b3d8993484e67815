"""One instance as the runner of processes has it: who leads it, and how it ended."""

from __future__ import annotations

import asyncio
from dataclasses import field

from devctl.machine.boot import boot_id
from devctl.runners.base import Exit, Identity
from devctl.runners.processes import ProcessEntry, SessionLeader
from devctl.values import dataclass


@dataclass
class ManagedProcess:
    """One started instance. `is_notified`: its end was reported."""

    instance: str
    pid: int
    ticks: int
    started_ns: int
    tag: str
    exit: Exit | None = None
    is_notified: bool = False
    is_stopping: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def leader(self) -> SessionLeader:
        return SessionLeader(self.pid, self.ticks, self.tag)

    @property
    def entry(self) -> ProcessEntry:
        return ProcessEntry(self.pid, 0, self.pid, self.ticks)

    @property
    def identity(self) -> Identity:
        return Identity(self.instance, self.pid, self.ticks, self.started_ns, boot=boot_id())
