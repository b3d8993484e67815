"""Brings the state of a run in line with what lives of it, after a supervisor or a runner's backend was lost."""

from __future__ import annotations

from collections.abc import Mapping
from signal import SIGKILL

from devctl.core.launch import Launch
from devctl.core.state import Instance
from devctl.core.status import Kind
from devctl.runners.base import Exit, Identity, Runner
from devctl.supervisor import adopt
from devctl.supervisor.active_run import ActiveRun
from devctl.supervisor.loop import Loop


class Reconciler:
    """Compares what the state holds for alive with what lives, and posts the difference."""

    def __init__(self, loop: Loop, runners: Mapping[Kind, Runner], boot: str) -> None:
        self._loop = loop
        self._runners = runners
        self._boot = boot

    async def reconcile(self, active: ActiveRun, kind: Kind, identities: list[Identity]) -> None:
        """Post what became of the instances of one kind; what the backend does not know of is handed to it."""
        expected = [i for i in self._loop.state.living if active.kind_of(i) is kind]
        living = {identity.instance: identity for identity in identities}
        lost = [i for i in expected if i.id not in living and i.pid]
        ends = await self._hand_over(active, kind, lost, living)
        difference = adopt.compare(expected, living, ends, active.executor.started_event)
        for message in difference.messages:
            self._loop.post(message)
        for instance in difference.unfinished_stops:
            active.executor.resume_stop(instance)
        await self.stop_all(kind, difference.unknown)

    async def stop_all(self, kind: Kind, instances: tuple[str, ...]) -> None:
        """Kill instances that no state tells of."""
        for instance in instances:
            await self._runners[kind].stop(instance, SIGKILL, 0.0)

    async def _hand_over(
        self, active: ActiveRun, kind: Kind, lost: list[Instance], living: dict[str, Identity]
    ) -> list[Exit]:
        """Have the backend adopt `lost`; add those that live to `living` and return the ends of the others."""
        pairs = [(launch, adopt.identity_of(i, self._boot)) for i in lost if (launch := _launch(active, i))]
        ends = await self._runners[kind].adopt(pairs) if pairs else []
        ended = {end.instance for end in ends}
        living.update({identity.instance: identity for _, identity in pairs if identity.instance not in ended})
        return ends


def _launch(active: ActiveRun, instance: Instance) -> Launch | None:
    chosen = active.launches.chosen(instance.service)
    return active.launches.launch(chosen, instance.id) if chosen else None
