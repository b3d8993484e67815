"""Runs instances as containers of an engine: start, signal, stop, take back; their output goes into the record.

The engine holds them; nothing here outlives the supervisor that the engine does not tell its successor.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal as signals
import time
from collections.abc import Callable, Mapping
from typing import Any

from devctl.core.launch import Launch
from devctl.engine import stream
from devctl.engine.base import Engine
from devctl.engine.stream import EngineLost, EngineRefused
from devctl.errors import DevctlError
from devctl.keeper.log import SegmentLog
from devctl.paths import StackPaths
from devctl.record.store import Run
from devctl.runners import container_start
from devctl.runners.base import BackendLost, Exit, Identity, Stopped
from devctl.runners.container_config import INSTANCE
from devctl.runners.container_output import Output, last_mark
from devctl.runners.container_usage import ContainerUsage
from devctl.runners.engine_link import EngineLink
from devctl.runners.managed_container import Inspected, ManagedContainer
from devctl.tasks import BackgroundTasks

_KILL_SECONDS = 30.0  # for the engine to end a container that was killed, on a machine under load
_LAST_OUTPUT_SECONDS = 10.0  # for what a container wrote last to be copied before its end is reported
_PAUSES = {"pause": True, "unpause": False}  # the engine's events
_AGAIN_SECONDS = 0.2  # before output that broke off is asked for again


OnPause = Callable[[str, bool], None]
"""Hears that a container was paused, or goes on, whoever had that done."""


class ContainerRunner:
    """Implements `runners.base.Runner` for containers."""

    def __init__(self, paths: StackPaths, on_pause: OnPause = lambda _instance, _is_paused: None) -> None:
        self._paths = paths
        self._on_pause = on_pause
        self._managed: dict[str, ManagedContainer] = {}
        self._early_ends: dict[str, tuple[int, int]] = {}  # of containers that ended before their start was answered
        self._tasks = BackgroundTasks()
        self._usage = ContainerUsage()
        self._on_exit: Callable[[Exit], None] = lambda _: None
        self._on_lost: Callable[[], None] = lambda: None
        self._link = EngineLink(paths, self._take, lambda: self._on_lost())

    async def connect(self, on_exit: Callable[[Exit], None], on_lost: Callable[[], None]) -> list[Identity]:
        """Reach the engine that holds containers of this stack, if there are any; return those that run."""
        self._on_exit, self._on_lost = on_exit, on_lost
        client = await self._link.take_up()
        if client is None:
            return []
        for inspected in await client.call(container_start.listed, client.api, self._paths.key):
            self._learn(inspected)
        return [m.inspected.identity for m in self._managed.values() if m.inspected.is_running and not m.exit]

    async def adopt(self, instances: list[tuple[Launch, Identity]]) -> list[Exit]:
        """Return the ends of those that no longer run; nothing else needs to be taken back from an engine."""
        ends = []
        for _, identity in instances:
            managed = self._managed.get(identity.instance)
            if managed is None or managed.inspected.number != identity.pid:
                ends.append(Exit(identity.instance, identity.pid, None, time.time_ns()))
            elif managed.exit or not managed.inspected.is_running:
                await self._copied(managed)
                ends.append(managed.exit or managed.inspected.exit)
        return ends

    async def start(self, launch: Launch) -> Identity:
        """Start a container; DevctlError says why it could not be."""
        container = launch.container
        if container is None:
            raise DevctlError(f"nothing says how {launch.instance} runs as a container")
        try:
            client = await self._link.prepared_for(container)
            inspected = await client.call(container_start.start, client.api, launch, container, self._paths)
        except EngineLost as error:
            if self._link.client is None:  # it was never reached: the start has failed, and nothing is left of it
                raise
            raise self._lost(error) from error
        self._learn(inspected)
        return inspected.identity

    async def signal(self, instance: str, number: int) -> None:
        """Send a signal to the first process of the container; nothing happens when it is gone."""
        managed = self._managed.get(instance)
        if managed and not managed.exit:
            await self._kill(managed, number)

    async def members(self, instance: str) -> list[int]:
        """Return nothing: they are the engine's."""
        return []

    async def pause(self, instance: str) -> None:
        """Hold every process of the container; DevctlError where the engine cannot."""
        managed = self._managed.get(instance)
        if managed and not managed.exit:
            client = self._link.connected
            await client.call(client.api.pause, managed.inspected.id)

    async def resume(self, instance: str) -> None:
        """Let every process of the container go on; nothing happens when it is gone or was not held."""
        managed = self._managed.get(instance)
        if managed and not managed.exit:
            client = self._link.connected
            with contextlib.suppress(EngineRefused):
                await client.call(client.api.unpause, managed.inspected.id)

    async def stop(self, instance: str, signal: int, grace_seconds: float) -> Stopped:
        """Ask, wait, insist: return when the container has ended."""
        managed = self._managed.get(instance)
        if managed is None:
            return Stopped(instance, None)
        managed.is_stopping, killed = True, False
        try:
            if not managed.exit:
                number = container_start.stop_number(managed.inspected, signal)
                killed = not await self._ends_within(managed, number, grace_seconds)
            if killed and not await self._ends_within(managed, signals.SIGKILL, _KILL_SECONDS):
                raise DevctlError("the container engine cannot end the container", next="Look at it: `docker ps`.")
        finally:
            managed.is_stopping = False
        code = managed.exit.code if managed.exit else None
        return Stopped(instance, code, (managed.inspected.number,) if killed else ())

    async def one_off(self, launch: Launch) -> dict[str, Any]:
        """Return the configuration of a container that somebody else runs, with network and image at hand for it."""
        assert launch.container is not None
        client = await self._link.prepared_for(launch.container)
        return await client.call(container_start.one_off, client.api, launch, launch.container, self._paths)

    async def measure(self) -> Mapping[int, tuple[float, int]]:
        """Return what the containers that run cost, by the numbers of their lives."""
        client = self._link.client
        running = [m.inspected for m in self._managed.values() if not m.exit]
        return await self._usage.of(client.engine, running) if client and running else {}

    async def close(self, *, end: bool) -> None:
        """Disconnect; with `end` also remove the containers, which have ended by then, and the network."""
        self._tasks.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.close(end=end)

    # Containers

    def _take(self, event: dict[str, Any]) -> None:
        actor = event["Actor"]
        instance = actor["Attributes"].get(INSTANCE, "")
        if event.get("Action") in _PAUSES and instance:
            self._on_pause(instance, _PAUSES[event["Action"]])
        if event.get("Action") != "die" or not instance:
            return
        end = (int(actor["Attributes"].get("exitCode", 0)), int(event["timeNano"]))
        managed = self._managed.get(instance)
        if managed is None or managed.inspected.id != actor["ID"] or managed.exit:
            self._early_ends[actor["ID"]] = end
        else:
            self._tasks.start(self._end(managed, *end))

    def _learn(self, inspected: Inspected) -> None:
        """Hold a container that was started or found, and copy its output."""
        managed = self._managed.get(inspected.instance)
        if managed and managed.inspected.number == inspected.number:
            if managed.exit or inspected.is_running:
                return
            managed.inspected = inspected
        else:
            managed = self._managed[inspected.instance] = ManagedContainer(inspected)
            managed.copying = self._tasks.start(self._copy(inspected))
        code, ended_ns = self._early_ends.pop(inspected.id, (None, 0))
        if ended_ns >= inspected.identity.started_ns:
            self._tasks.start(self._end(managed, code, ended_ns))
        elif not inspected.is_running:
            self._tasks.start(self._end(managed, inspected.exit_code, inspected.exit.ended_ns))

    async def _end(self, managed: ManagedContainer, code: int | None, ended_ns: int) -> None:
        """Record an end after the last output, and report it unless a stop does."""
        if managed.is_ending:
            return
        managed.is_ending = True
        await self._copied(managed)
        managed.exit = Exit(managed.inspected.instance, managed.inspected.number, code, ended_ns)
        managed.ended.set()
        if not managed.is_stopping:
            self._on_exit(managed.exit)

    async def _end_unless_running(self, managed: ManagedContainer) -> None:
        """Record the end of a container that the engine could not signal: its event may have been missed."""
        inspected = await self._inspect(managed)
        if inspected is None:
            await self._end(managed, None, time.time_ns())
        elif not inspected.is_running:
            await self._end(managed, inspected.exit_code, inspected.exit.ended_ns)

    async def _inspect(self, managed: ManagedContainer) -> Inspected | None:
        """Return what the engine says of a container now; None when it is gone."""
        with contextlib.suppress(EngineRefused):
            return await _inspected(self._link.connected.engine, managed.inspected.id)
        return None

    async def _ends_within(self, managed: ManagedContainer, number: int, seconds: float) -> bool:
        await self._kill(managed, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(managed.ended.wait(), seconds)
        return managed.ended.is_set()

    async def _kill(self, managed: ManagedContainer, number: int) -> None:
        client = self._link.connected
        try:
            await client.call(client.api.kill, managed.inspected.id, number)
        except EngineRefused:  # it has ended, or is gone: whether its end was seen or not
            self._tasks.start(self._end_unless_running(managed))
        except EngineLost as error:
            raise self._lost(error) from error

    def _lost(self, error: EngineLost) -> BackendLost:
        """Have the engine reached anew: what became of a request that broke off shows then."""
        self._on_lost()
        return BackendLost(error.what, next=error.next)

    # Output

    async def _copy(self, inspected: Inspected) -> None:
        """Copy a container's output until it has ended, however often the engine breaks off."""
        folder = str(Run(self._paths.runs / inspected.run).logs / inspected.instance)
        log = SegmentLog(folder, inspected.log_bytes)
        try:
            while True:
                client = self._link.client
                if client is not None:
                    mark = last_mark(folder)
                    output = Output(client.engine, inspected.id, log, is_terminal=inspected.is_terminal)
                    with contextlib.suppress(EngineLost):
                        await output.copy(
                            mark if mark and mark.time_ns >= stream.nanoseconds(inspected.created) else None
                        )
                    if not await self._still_runs(inspected):
                        output.end()
                        return
                await asyncio.sleep(_AGAIN_SECONDS)
        except EngineRefused:
            return  # it was removed
        finally:
            log.close()

    async def _still_runs(self, inspected: Inspected) -> bool:
        client = self._link.client
        if client is None:
            return True
        try:
            now = await _inspected(client.engine, inspected.id)
        except EngineLost:
            return True
        return now.is_running and now.number == inspected.number

    async def _copied(self, managed: ManagedContainer) -> None:
        """Return when the output of a container that ended is in the record, or a moment later."""
        if managed.copying:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(managed.copying), _LAST_OUTPUT_SECONDS)


async def _inspected(engine: Engine, container: str) -> Inspected:
    """Return what an engine says of a container; EngineRefused when it has none of this id."""
    return Inspected.of(await stream.get(engine.address, f"/v{engine.api_version}/containers/{container}/json"))
