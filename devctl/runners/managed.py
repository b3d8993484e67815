"""One instance as the runner of processes knows it: who leads it, and how it ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from devctl.keeper import system
from devctl.runners.base import Exit, Identity
from devctl.runners.processes import Leader, Row


@dataclass
class Held:
    """What this runner knows of one started instance."""

    instance: str
    pid: int
    ticks: int
    started_ns: int
    tag: str
    exit: Exit | None = None
    is_told: bool = False
    is_stopping: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def leader(self) -> Leader:
        return Leader(self.pid, self.ticks, self.tag)

    @property
    def row(self) -> Row:
        return Row(self.pid, 0, self.pid, self.ticks)

    @property
    def identity(self) -> Identity:
        return Identity(self.instance, self.pid, self.ticks, self.started_ns, boot=system.boot_id())
