"""What containers cost, as their engine counts: CPU since the last question, and memory without what is only cached."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

from devctl.engine import stream
from devctl.engine.base import Engine
from devctl.errors import DevctlError
from devctl.runners.managed_container import Inspected

_FRESH_SECONDS = 0.5  # one question serves a whole `status`, and several that come together
_ANSWER_SECONDS = 1.0  # for all of them; engines before API 1.41 take longer, and are not waited for
_CACHED = ("inactive_file", "total_inactive_file")  # of control groups version 2 and 1: what `docker stats` leaves out


class ContainerUsage:
    """CPU in percent of one core since the last answer (at first: since the start), and memory in bytes."""

    def __init__(self) -> None:
        self._asked_at = 0.0
        self._costs: dict[int, tuple[float, int]] = {}
        self._before: dict[int, tuple[int, int]] = {}

    async def of(self, engine: Engine, running: Iterable[Inspected]) -> Mapping[int, tuple[float, int]]:
        """Return the costs of containers by the numbers of their lives; the last known ones where none come in time."""
        if time.monotonic() - self._asked_at > _FRESH_SECONDS:
            self._asked_at = time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await asyncio.gather(*(self._ask(engine, inspected) for inspected in running))
        return self._costs

    async def _ask(self, engine: Engine, inspected: Inspected) -> None:
        path = f"/v{engine.api_version}/containers/{inspected.id}/stats"
        with contextlib.suppress(DevctlError, KeyError, TypeError):  # it ended meanwhile: its numbers are not there
            stats = await stream.get(engine.address, path, {"stream": "false", "one-shot": "true"})
            self._costs[inspected.number] = (self._percent(inspected, stats), memory_bytes(stats["memory_stats"]))

    def _percent(self, inspected: Inspected, stats: Mapping[str, Any]) -> float:
        used, read_ns = int(stats["cpu_stats"]["cpu_usage"]["total_usage"]), stream.nanoseconds(stats["read"])
        used_before, read_before = self._before.get(inspected.number, (0, inspected.identity.started_ns))
        self._before[inspected.number] = (used, read_ns)
        return 100.0 * (used - used_before) / max(read_ns - read_before, 1)


def memory_bytes(stats: Mapping[str, Any]) -> int:
    """Return the memory that a container has, without files that are only cached."""
    cached = next((stats["stats"][key] for key in _CACHED if key in stats.get("stats", {})), 0)
    return max(int(stats["usage"]) - int(cached), 0)
