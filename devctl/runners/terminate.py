"""Ends an instance to its last descendant: asks, waits, insists."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time

from devctl.errors import DevctlError
from devctl.runners import processes
from devctl.runners.managed import Held
from devctl.runners.scan import Looks

_POLL_SECONDS = 0.05
_KILLED_SECONDS = 0.015
_LONGEST_POLL_SECONDS = 0.5  # in case the keeper dies while an end is awaited
_UNKILLABLE_SECONDS = 10.0


async def empty(looks: Looks, held: Held, number: int, grace_seconds: float) -> list[int]:
    """Signal, then kill until nothing is left; return the pids that had to be killed."""
    deadline = time.monotonic() + grace_seconds
    killed: set[int] = set()
    is_leader_told = not held.exit and processes.send(held.row, number)  # at once; looking for the others takes
    rows = await looks.members(held.instance)
    for row in rows:
        if row.pid != held.pid or not is_leader_told:
            processes.send(row, number)
    while rows:
        await _wait(held, deadline)
        rows = await looks.members(held.instance)
        if time.monotonic() >= deadline:
            killed |= {row.pid for row in rows if processes.send(row, signal.SIGKILL)}
        if rows and time.monotonic() > deadline + _UNKILLABLE_SECONDS:
            pids = ", ".join(str(row.pid) for row in rows)
            raise DevctlError(
                f"process {pids} does not end though killed",
                where=held.instance,
                next="it hangs in the kernel, mostly on a disk or network mount that does not answer",
            )
    return sorted(killed)


async def _wait(held: Held, deadline: float) -> None:
    """Wait for the leader's end while it lives, else a moment; at most until the deadline."""
    left = max(deadline - time.monotonic(), 0.0)
    if held.ended.is_set() or not left:
        await asyncio.sleep(min(_POLL_SECONDS, left) if left else _KILLED_SECONDS)
        return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(held.ended.wait(), min(left, _LONGEST_POLL_SECONDS))
