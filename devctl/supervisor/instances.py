"""What is done to instances that live, one by one: held, let go on, looked into. Their services stay as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from devctl.core import events as happened
from devctl.core.plan import check_names
from devctl.core.selection import select
from devctl.core.state import PAUSABLE, Instance
from devctl.core.status import Kind, Status
from devctl.errors import DevctlError
from devctl.runners.base import Runner
from devctl.session.protocol import MembersView
from devctl.supervisor.active_run import ActiveRun
from devctl.supervisor.loop import Decision, Loop


class Instances:
    """The living instances of one stack; `require_run` raises UsageError where nothing runs."""

    def __init__(self, loop: Loop, runners: Mapping[Kind, Runner], require_run: Callable[[], ActiveRun]) -> None:
        self._loop = loop
        self._runners = runners
        self._require_run = require_run

    async def pause(self, names: Iterable[str]) -> list[str]:
        """Hold every process of services or single instances; return the instances that were not held before."""
        names = tuple(names)
        targets = await self._loop.ask(lambda: self._decide_pause(names))
        outcomes = await asyncio.gather(*map(self._pause, targets), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [instance.id for instance in targets]

    async def unpause(self, names: Iterable[str]) -> list[str]:
        """Let paused instances go on; return those that were paused."""
        targets = [i for i in self._living(names) if i.status is Status.PAUSED]
        await asyncio.gather(*map(self._resume, targets))
        return [instance.id for instance in targets]

    async def members(self, names: Iterable[str]) -> list[MembersView]:
        """Return the processes of services or single instances (none: of all)."""
        targets = [i for i in self._living(names) if i.pid]
        pids = await asyncio.gather(*(self._runners[i.kind].members(i.id) for i in targets))
        engine = self._loop.spec.engine
        return [
            {"instance": i.id, "pids": numbers, "engine": engine if i.container else "", "container": i.container}
            for i, numbers in zip(targets, pids, strict=True)
        ]

    def note_pause(self, instance: str, is_paused: bool) -> None:
        """Hear that the engine holds a container, or no longer does, whoever had that done."""
        kind = happened.InstancePaused if is_paused else happened.InstanceUnpaused
        self._loop.post(kind(instance, instance.rpartition(".")[0]))

    def _decide_pause(self, names: tuple[str, ...]) -> Decision[list[Instance]]:
        """Have nobody ask how they are from here on, before they are held."""
        targets = [i for i in self._living(names) if i.pid and i.status in PAUSABLE]
        return Decision(tuple(happened.InstancePaused(i.id, i.service) for i in targets), targets)

    async def _pause(self, instance: Instance) -> None:
        try:
            await self._runners[instance.kind].pause(instance.id)
        except DevctlError:
            self._loop.post(happened.InstanceUnpaused(instance.id, instance.service))
            raise

    async def _resume(self, instance: Instance) -> None:
        await self._runners[instance.kind].resume(instance.id)
        self._loop.post(happened.InstanceUnpaused(instance.id, instance.service))

    def _living(self, names: Iterable[str]) -> list[Instance]:
        """Return the living instances of the services or with the ids that are named (none: all); UsageError for a
        name that is neither."""
        self._require_run()
        services, chosen = self._loop.spec.services, set(names)
        check_names(services, select(self._loop.state, chosen))
        return [i for i in self._loop.state.living if not chosen or i.service in chosen or i.id in chosen]
