"""Tasks in the background are held until they end, and no longer."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from devctl.tasks import BackgroundTasks


async def test_a_task_is_held_while_it_runs_and_let_go_when_it_ends() -> None:
    tasks, gate = BackgroundTasks(), asyncio.Event()
    held = weakref.ref(tasks.start(gate.wait()))
    await asyncio.sleep(0)
    gc.collect()
    assert held() is not None
    gate.set()
    await asyncio.gather(*tasks)
    assert len(tasks) == 0


async def test_cancelling_ends_them_all() -> None:
    tasks = BackgroundTasks()
    task = tasks.start(asyncio.Event().wait())
    tasks.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
