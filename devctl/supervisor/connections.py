"""The connections to the runners' backends (the keeper): reached at the start, found again whenever one is lost."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping

from devctl.core.events import Notice
from devctl.core.status import Kind
from devctl.errors import DevctlError
from devctl.runners.base import Identity, Runner
from devctl.supervisor.background import Background
from devctl.supervisor.loop import Loop

_PAUSES_SECONDS = (0.0, 0.1, 0.5, 2.0)  # between the tries to find a lost backend; the last one for ever

_NAMES = {Kind.PROCESS: "the keeper", Kind.CONTAINER: "the container engine"}
_BACK = {Kind.PROCESS: "another one took its instances over", Kind.CONTAINER: "it is back"}

OnFound = Callable[[Kind, list[Identity]], Awaitable[None]]
"""Is told what lives when a lost backend was found or replaced."""


class RunnerConnections:
    """The runners of all kinds."""

    def __init__(self, loop: Loop, runners: Mapping[Kind, Runner], background: Background, on_found: OnFound) -> None:
        self._loop = loop
        self._runners = runners
        self._background = background
        self._on_found = on_found
        self._seeking: set[Kind] = set()

    async def reach(self) -> dict[Kind, list[Identity]]:
        """Reach or make the backend of each kind; return what lives."""
        living = {}
        for kind in self._runners:
            try:
                living[kind] = await self._connect(kind)
            except DevctlError:
                if kind is Kind.PROCESS:
                    raise
                self._on_lost(kind)  # what it holds is taken back when it answers again
        return living

    async def close(self, *, end: bool) -> None:
        """Disconnect; `end`: end the backends, too, which are empty then."""
        for runner in self._runners.values():
            await runner.close(end=end)

    async def _connect(self, kind: Kind) -> list[Identity]:
        return await self._runners[kind].connect(self._loop.post, lambda: self._on_lost(kind))

    def _on_lost(self, kind: Kind) -> None:
        """Begin to find or make the backend again, unless that is under way."""
        if kind not in self._seeking and not self._loop.state.ended:
            self._seeking.add(kind)
            self._background.begin(self._seek(kind))

    async def _seek(self, kind: Kind) -> None:
        """Find or make the backend again, for as long as it takes, and take back what it held."""
        for pause in itertools.chain(_PAUSES_SECONDS, itertools.repeat(_PAUSES_SECONDS[-1])):
            await asyncio.sleep(pause)
            try:
                await self._on_found(kind, await self._connect(kind))
            except DevctlError as error:
                self._loop.post(Notice(f"{_NAMES[kind]} is lost and not back yet: {error.what}"))
            else:
                break
        self._seeking.discard(kind)
        self._loop.post(Notice(f"{_NAMES[kind]} was lost; {_BACK[kind]}"))
