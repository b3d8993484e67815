"""What the process trees of the instances cost: CPU and memory, from one look at all processes."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

_FRESH_SECONDS = 0.5
_SHORTEST_SECONDS = 0.2


class Figures:
    """CPU in percent of one core since the last look (at first, and where there is no /proc: since the start), and
    resident memory."""

    def __init__(self) -> None:
        self._looked = 0.0
        self._costs: dict[int, tuple[float, int]] = {}
        self._ticks: dict[int, tuple[int, float]] = {}
        self._hertz = os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")

    def of(self, pid: int) -> tuple[float, int]:
        """Return CPU percent and memory bytes of the session that `pid` leads; zeros when it is gone."""
        now = time.monotonic()
        if now - self._looked > _FRESH_SECONDS:
            self._looked = now
            self._costs = self._look(now) if Path("/proc/self/stat").exists() else {}
        if pid not in self._costs and not Path("/proc/self/stat").exists():
            self._costs[pid] = _by_psutil(pid)
        return self._costs.get(pid, (0.0, 0))

    def _look(self, now: float) -> dict[int, tuple[float, int]]:
        ticks: dict[int, int] = {}
        memory: dict[int, int] = {}
        born: dict[int, int] = {}
        for name in os.listdir("/proc"):  # noqa: PTH208  a path object per process is dear
            if name.isdigit() and (row := _stat(name)):
                leader, used, start, pages = row
                ticks[leader] = ticks.get(leader, 0) + used
                memory[leader] = memory.get(leader, 0) + pages * self._page
                if leader == int(name):
                    born[leader] = start
        costs = {pid: (self._percent(pid, ticks[pid], born[pid], now), memory[pid]) for pid in born}
        self._ticks = {pid: (ticks[pid], now) for pid in born}
        return costs

    def _percent(self, pid: int, ticks: int, start: int, now: float) -> float:
        before, when = self._ticks.get(pid, (0, 0.0))
        if ticks < before or not when:
            before, when = 0, now - max(_uptime_seconds() - start / self._hertz, 0.0)
        return 100.0 * (ticks - before) / self._hertz / max(now - when, _SHORTEST_SECONDS)


def _uptime_seconds() -> float:
    """Return the seconds since the boot, as the start times of processes count them."""
    if sys.platform == "linux":
        clock = time.CLOCK_BOOTTIME
    else:
        clock = time.CLOCK_MONOTONIC
    return time.clock_gettime(clock)


def _stat(pid: str) -> tuple[int, int, int, int] | None:
    """Return session, user and system ticks, start ticks, and resident pages of one process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            row = file.read()
    except OSError:
        return None
    fields = row[row.rfind(b")") + 2 :].split()
    if fields[0] == b"Z":
        return None
    return int(fields[3]), int(fields[11]) + int(fields[12]), int(fields[19]), int(fields[21])


def _by_psutil(pid: int) -> tuple[float, int]:
    import psutil

    with contextlib.suppress(psutil.Error):
        leader = psutil.Process(pid)
        tree = [leader, *leader.children(recursive=True)]
        used = sum(sum(p.cpu_times()[:2]) for p in tree)
        lived = max(time.time() - leader.create_time(), _SHORTEST_SECONDS)
        return 100.0 * used / lived, sum(p.memory_info().rss for p in tree)
    return 0.0, 0
