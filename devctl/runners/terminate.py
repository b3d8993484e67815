"""Terminates the whole process tree of an instance: asks, waits, insists."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time

from devctl.errors import DevctlError
from devctl.runners import processes
from devctl.runners.managed import ManagedProcess
from devctl.runners.scan import SharedScan

_POLL_SECONDS = 0.05  # the leader is gone, its descendants have their grace: nobody waits for them to the millisecond
_KILLED_SECONDS = 0.015  # what was killed is gone within some milliseconds
_LONGEST_POLL_SECONDS = 0.5  # in case the keeper dies while an end is awaited
_UNKILLABLE_SECONDS = 10.0  # whoever survives SIGKILL for so long hangs in the kernel


async def terminate_tree(scan: SharedScan, managed: ManagedProcess, number: int, grace_seconds: float) -> list[int]:
    """Signal, then kill until nothing is left; return the pids that had to be killed."""
    deadline = time.monotonic() + grace_seconds
    killed: set[int] = set()
    is_leader_signalled = not managed.exit and processes.send(
        managed.entry, number
    )  # at once; finding the others takes time
    entries = await scan.members(managed.instance)
    for entry in entries:
        if entry.pid != managed.pid or not is_leader_signalled:
            processes.send(entry, number)
    while entries:
        await _wait(managed, deadline)
        entries = await scan.members(managed.instance)
        if time.monotonic() >= deadline:
            killed |= {entry.pid for entry in entries if processes.send(entry, signal.SIGKILL)}
        if entries and time.monotonic() > deadline + _UNKILLABLE_SECONDS:
            pids = ", ".join(str(entry.pid) for entry in entries)
            raise DevctlError(
                f"process {pids} does not end though killed",
                where=managed.instance,
                next="it hangs in the kernel, mostly on a disk or network mount that does not answer",
            )
    return sorted(killed)


async def _wait(managed: ManagedProcess, deadline: float) -> None:
    """Wait for the leader's end while it lives, else a moment; at most until the deadline."""
    left = max(deadline - time.monotonic(), 0.0)
    if managed.ended.is_set() or not left:
        await asyncio.sleep(min(_POLL_SECONDS, left) if left else _KILLED_SECONDS)
        return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(managed.ended.wait(), min(left, _LONGEST_POLL_SECONDS))
