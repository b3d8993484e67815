"""Reaches what holds the instances, finds it again when it is lost, and brings the state in line with what lives."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Mapping
from signal import SIGKILL
from typing import Any

from devctl.core.events import Noticed
from devctl.core.launch import Launch
from devctl.core.state import Instance
from devctl.core.status import Kind
from devctl.errors import DevctlError
from devctl.runners.base import Exit, Identity, Runner
from devctl.supervisor import adopt
from devctl.supervisor.executor import Executor
from devctl.supervisor.launches import Launches
from devctl.supervisor.loop import Loop

_PAUSES_SECONDS = (0.0, 0.1, 0.5, 2.0)  # between the tries to find a lost holder; the last one for ever


class Holders:
    """The runners of all kinds."""

    def __init__(
        self, loop: Loop, runners: Mapping[Kind, Runner], boot: str, begin: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._loop = loop
        self._runners = runners
        self._boot = boot
        self._begin = begin
        self._seeking: set[Kind] = set()
        self._launches: Launches | None = None
        self._executor: Executor | None = None

    def work_on(self, launches: Launches, executor: Executor) -> None:
        """Set what knows the run's launches and its steps."""
        self._launches, self._executor = launches, executor

    async def reach(self) -> dict[Kind, list[Identity]]:
        """Reach or make the holder of each kind; return what lives."""
        return {kind: await self._connect(kind) for kind in self._runners}

    async def empty(self, living: Mapping[Kind, list[Identity]]) -> None:
        """Stop what the holders hold of a run that nothing is known of."""
        for kind, identities in living.items():
            for identity in identities:
                await self._runners[kind].stop(identity.instance, SIGKILL, 0.0)

    async def compare(self, kind: Kind, identities: list[Identity]) -> None:
        """Bring the state in line with what lives; what the holder does not know of is handed to it."""
        assert self._executor is not None
        known = [i for i in self._loop.state.living if self.kind_of(i) is kind]
        living = {identity.instance: identity for identity in identities}
        ends = await self._hand_over(kind, [i for i in known if i.id not in living and i.pid], living)
        found = adopt.compare(known, living, ends, self._executor.started_event)
        for message in found.messages:
            self._loop.post(message)
        for instance in found.unfinished_stops:
            self._executor.resume_stop(instance)
        for stranger in found.strangers:
            await self._runners[kind].stop(stranger, SIGKILL, 0.0)

    async def _hand_over(self, kind: Kind, missing: list[Instance], living: dict[str, Identity]) -> list[Exit]:
        """Have the holder adopt `missing`; add those that live to `living` and return the ends of the others."""
        pairs = [(launch, adopt.identity_of(i, self._boot)) for i in missing if (launch := self._launch(i))]
        ends = await self._runners[kind].adopt(pairs) if pairs else []
        gone = {end.instance for end in ends}
        living.update({identity.instance: identity for _, identity in pairs if identity.instance not in gone})
        return ends

    def kind_of(self, instance: Instance) -> Kind:
        """Return how an instance runs."""
        chosen = self._launches.chosen(instance.service) if self._launches else None
        return chosen.variant.kind if chosen else Kind.PROCESS

    def _launch(self, instance: Instance) -> Launch | None:
        chosen = self._launches.chosen(instance.service) if self._launches else None
        return self._launches.launch(chosen, instance.id) if chosen and self._launches else None

    async def _connect(self, kind: Kind) -> list[Identity]:
        return await self._runners[kind].connect(self._loop.post, lambda: self._lost(kind))

    def _lost(self, kind: Kind) -> None:
        """Begin to find or make the holder again, unless that is under way."""
        if kind not in self._seeking and not self._loop.state.ended:
            self._seeking.add(kind)
            self._begin(self._seek(kind))

    async def _seek(self, kind: Kind) -> None:
        """Find or make the holder again, for as long as it takes, and take back what it held."""
        for pause in itertools.chain(_PAUSES_SECONDS, itertools.repeat(_PAUSES_SECONDS[-1])):
            await asyncio.sleep(pause)
            try:
                await self.compare(kind, await self._connect(kind))
            except DevctlError as error:
                self._loop.post(Noticed(f"the keeper is lost and not replaced yet: {error.what}"))
            else:
                break
        self._seeking.discard(kind)
        self._loop.post(Noticed("the keeper was lost; another one took its instances over"))
