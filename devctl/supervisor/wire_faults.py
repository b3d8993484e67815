"""Faults on the wire between services: put there and taken away by request, in the loop's state like all else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from devctl.core import events as happened
from devctl.core.faults import Fault, next_name
from devctl.core.plan import check_names
from devctl.core.spec import RESERVED
from devctl.errors import UsageError
from devctl.supervisor.loop import Decision, Loop
from devctl.supervisor.relaying import Relaying


class WireFaults:
    """Adds and removes faults of one stack; `require_run` raises UsageError where nothing runs."""

    def __init__(self, loop: Loop, relaying: Relaying, require_run: Callable[[], object]) -> None:
        self._loop = loop
        self._relaying = relaying
        self._require_run = require_run

    async def add(self, fault: Fault) -> Fault:
        """Put a fault on the wire of a relayed service; UsageError where there is no relay."""
        self._require_run()
        check_names(self._loop.spec.services, (fault.service,))
        if fault.service in RESERVED:
            raise UsageError(
                f"{fault.service} is devctl's own: it is reached directly, and takes no fault",
                next="`devctl status` names the services that have a shared address.",
            )
        if not self._loop.spec.services[fault.service].is_relayed:
            raise UsageError(
                f"{fault.service} is reached directly: nothing can be put between it and its clients",
                next=f"Set `front: true` for {fault.service} in the manifest and run `devctl up`.",
            )
        added = await self._loop.ask(lambda: self._named(fault))
        await self._relaying.settled()
        return added

    async def remove(self, names: Iterable[str]) -> list[str]:
        """Take faults off the wire, by their names or by those of services; return which."""
        self._require_run()
        names = tuple(names)
        removed = await self._loop.ask(lambda: self._ended(names))
        await self._relaying.settled()
        return removed

    def _named(self, fault: Fault) -> Decision[Fault]:
        named = replace(fault, name=next_name(fault.service, fault.kind, self._loop.state.faults))
        return Decision((happened.FaultAdded(fault.service, named),), named)

    def _ended(self, names: tuple[str, ...]) -> Decision[list[str]]:
        faults = self._loop.state.faults
        for name in names:
            if name not in faults and name not in self._loop.spec.services:
                there_are = f"There are: {', '.join(faults)}." if faults else "There is none."
                raise UsageError(f"there is no fault {name!r}", next=there_are)
        chosen = [f for f in faults.values() if not names or f.name in names or f.service in names]
        events = tuple(happened.FaultEnded(f.service, f.name, "asked for") for f in chosen)
        return Decision(events, [f.name for f in chosen])
