"""Stops an instance to the last: its clients go elsewhere first, its hooks run, and it is told until it has ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping

from devctl.core import events as happened
from devctl.core.decide import Stop
from devctl.core.status import GOOD, Kind, Status
from devctl.errors import DevctlError
from devctl.runners.base import BackendLost, Runner, Stopped
from devctl.supervisor import hooks
from devctl.supervisor.bugs import explained
from devctl.supervisor.launches import Launches
from devctl.supervisor.loop import Loop

_INSIST_SECONDS = 1.0  # between tries to stop what hangs in the kernel

Drain = Callable[[str, float], Awaitable[None]]
"""Returns when an instance that is stopping has no relayed connection left, or after so many seconds."""


class Stopping:
    """Does the stops of the loop."""

    def __init__(self, loop: Loop, launches: Launches, runners: Mapping[Kind, Runner], drain: Drain) -> None:
        self._loop = loop
        self._launches = launches
        self._runners = runners
        self._drain = drain

    async def stop(self, step: Stop) -> None:
        """Stop an instance; ends in the event that it has ended, unless its backend is lost, which tells later."""
        service = self._loop.spec.services.get(step.service)
        number = signal_number(service.stop_signal if service else "SIGTERM")
        grace = service.stop_grace_seconds if service else 10.0
        if self._loop.force_stop:
            number, grace = signal.SIGKILL, 0.0
        try:
            grace = await self._prepare(step, grace)
            stopped = await self._insist(step, number, grace)
        except BackendLost:
            return
        self._loop.post(happened.InstanceStopped(step.instance, step.service, stopped.code, stopped.killed))

    async def _prepare(self, step: Stop, grace_seconds: float) -> float:
        """Let the clients of an instance go, and itself know; return what is left of its grace. What fails of that is
        told, and the instance stopped all the same."""
        try:
            if self._has_others(step) and not self._loop.force_stop:
                await self._drain(step.instance, grace_seconds)
            await self._resume(step)
            return grace_seconds - await hooks.before_stop(self._loop, self._launches, step, grace_seconds)
        except BackendLost:
            raise
        except Exception as error:
            self._notice(step, explained(error))
            return grace_seconds

    def _notice(self, step: Stop, problem: DevctlError) -> None:
        self._loop.post(happened.Notice(f"{step.instance}: {problem.what}", step.service))

    async def _resume(self, step: Stop) -> None:
        """Let a paused instance go on, which could not do what it is asked to otherwise."""
        instance = self._loop.state.instance(step.service, step.instance)
        if instance and instance.paused_as:
            await self._runners[instance.kind].resume(step.instance)

    def _has_others(self, step: Stop) -> bool:
        """Whether other instances go on, to which its clients can be given."""
        service_state = self._loop.state.services.get(step.service)
        others = service_state.instances.values() if service_state and service_state.desired_up else ()
        return any(i.status in GOOD for i in others if i.id != step.instance)

    async def _insist(self, step: Stop, number: int, grace_seconds: float) -> Stopped:
        """Stop an instance, over and over where that fails, as while a process of it hangs in the kernel."""
        while True:
            try:
                return await self._runner_of(step.service, step.instance).stop(step.instance, number, grace_seconds)
            except BackendLost:
                raise
            except Exception as error:
                self._notice(step, explained(error))
                await asyncio.sleep(_INSIST_SECONDS)

    async def kill(self) -> None:
        """Kill everything that is being stopped and takes its time."""
        for instance in self._loop.state.living:
            if instance.status is Status.STOPPING:
                await self._runners[instance.kind].signal(instance.id, signal.SIGKILL)

    def _runner_of(self, service: str, instance: str) -> Runner:
        """Return the runner that holds an instance; its service may run another way by now."""
        there = self._loop.state.instance(service, instance)
        return self._runners[there.kind if there else Kind.PROCESS]


def signal_number(name: str) -> int:
    """Return the number of a signal by its name, with or without SIG, or by its number."""
    if name.isdigit():
        return int(name)
    return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])
