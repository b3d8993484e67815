"""What the process trees of the instances cost: CPU and memory, from one scan of all processes."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

from devctl.machine.process import RESIDENT_PAGES, SESSION, START_TICKS, SYSTEM_TICKS, USER_TICKS, stat_fields

_FRESH_SECONDS = 0.5  # one scan serves a whole `status`, and several that come together
_SHORTEST_SECONDS = 0.2  # over less than that the kernel's ticks of 10 ms make a share of nothing


class ResourceUsage:
    """CPU in percent of one core since the last scan (at first, and where there is no /proc: since the start), and
    resident memory."""

    def __init__(self) -> None:
        self._scanned_at = 0.0
        self._costs: dict[int, tuple[float, int]] = {}
        self._ticks: dict[int, tuple[int, float]] = {}
        self._hertz = os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")

    def of(self, pid: int) -> tuple[float, int]:
        """Return CPU percent and memory bytes of the session that `pid` leads; zeros when it is gone."""
        now = time.monotonic()
        if now - self._scanned_at > _FRESH_SECONDS:
            self._scanned_at = now
            self._costs = self._scan(now) if Path("/proc/self/stat").exists() else {}
        if pid not in self._costs and not Path("/proc/self/stat").exists():
            self._costs[pid] = _by_psutil(pid)
        return self._costs.get(pid, (0.0, 0))

    def _scan(self, now: float) -> dict[int, tuple[float, int]]:
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
    fields = stat_fields(pid)
    if fields is None:
        return None
    ticks = int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])
    return int(fields[SESSION]), ticks, int(fields[START_TICKS]), int(fields[RESIDENT_PAGES])


def _by_psutil(pid: int) -> tuple[float, int]:
    import psutil

    with contextlib.suppress(psutil.Error):
        leader = psutil.Process(pid)
        tree = [leader, *leader.children(recursive=True)]
        used = sum(sum(p.cpu_times()[:2]) for p in tree)
        lived = max(time.time() - leader.create_time(), _SHORTEST_SECONDS)
        return 100.0 * used / lived, sum(p.memory_info().rss for p in tree)
    return 0.0, 0
