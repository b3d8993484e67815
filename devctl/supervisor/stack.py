"""One stack from the first `up` to `down`: begins its run, changes it, takes it back, ends it.

Requests are decided inside the loop (`Loop.ask`), so that nothing else happens meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from devctl.clock import Clock
from devctl.core import events as happened
from devctl.core.decide import must_download
from devctl.core.derived import is_settled
from devctl.core.events import Event
from devctl.core.plan import Plan, Up, check_names, merge, plan_restart, plan_stop, plan_up
from devctl.core.spec import Spec, to_json
from devctl.core.status import Kind, Status
from devctl.disk import replace_file
from devctl.errors import DevctlError, UsageError
from devctl.paths import StackPaths
from devctl.record import store
from devctl.record.store import EventLog, Run
from devctl.runners.base import HolderLost, Runner
from devctl.supervisor import adopt, files, sockets
from devctl.supervisor.allocation import Allocator, Sockets
from devctl.supervisor.connections import Holders
from devctl.supervisor.executor import Executor, signal_number
from devctl.supervisor.fetch import Downloads, Report
from devctl.supervisor.health import Health
from devctl.supervisor.launches import Launches
from devctl.supervisor.loop import Change, Loop
from devctl.supervisor.stop import delete_volumes
from devctl.supervisor.variants import KeptVariants
from devctl.tasks import BackgroundTasks

_SAVE_AFTER_SECONDS = 1.0
_RECONNECT_SECONDS = (0.0, 0.1, 0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a request set out to do. `names`: the services whose settling it waits for."""

    run: str
    began: bool
    plan: Plan
    names: frozenset[str]


class Stack:
    """The run of one stack and everything that works on it."""

    def __init__(
        self,
        paths: StackPaths,
        loop: Loop,
        runners: Mapping[Kind, Runner],
        clock: Clock,
        *,
        boot: str,
        ports: Sockets = sockets,
        on_progress: Report = lambda _: None,
    ) -> None:
        self.paths = paths
        self.loop = loop
        self.runners = runners
        self.health = Health(loop.post, clock)
        self.run: Run | None = None
        self.launches: Launches | None = None
        self.executor: Executor | None = None
        self.journal: EventLog | None = None
        self.is_over = asyncio.Event()
        self._variants = KeptVariants(paths)
        self._downloads = Downloads(loop, on_progress)
        self._holders = Holders(loop, runners, boot, self._keep)
        self._allocator = Allocator(ports, int(paths.key, 16))
        self._boot = boot
        self._is_ending = False
        self._is_disk_full = False
        self._connected: asyncio.Task[None] | None = None
        self._saving: asyncio.TimerHandle | None = None
        self._tasks = BackgroundTasks()
        loop.listeners.append(self._changed)

    # Begin

    async def open(self) -> None:
        """Find what an earlier supervisor left, and begin to reach the runners.

        To be called before the loop runs: what the runners tell meanwhile waits until the state is restored.
        """
        found = store.current(self.paths)
        if found is None or adopt.is_over(found, self._boot):
            self._connected = asyncio.get_running_loop().create_task(self._reach_fresh())
        else:
            await self._take_back(found)

    async def _reach_fresh(self) -> None:
        await self._holders.empty(await self._holders.reach())

    async def _take_back(self, run: Run) -> None:
        living = await self._holders.reach()
        left = adopt.left_behind(run, await self.runners[Kind.PROCESS].saved(), self._boot)
        if left is None:
            await self._holders.empty(living)
            return
        self._work_on(run)
        self.loop.restore(left.spec, left.state)
        self.loop.post(happened.SupervisorBegan(os.getpid(), len(left.state.living)))
        for kind, identities in living.items():
            await self._holders.compare(kind, identities)

    def _work_on(self, run: Run) -> None:
        """Wire the loop to a run."""
        self.run = run
        self.journal = self.loop.journal = EventLog(run, self._state_event)
        self.launches = Launches(self.loop, run)
        self.executor = self.loop.hands = Executor(
            self.loop,
            self.launches,
            self.runners,
            self.health,
            self.paths.runtime / "silent.json",
            self._downloads.hear,
        )
        self._holders.work_on(self.launches, self.executor)

    def _state_event(self) -> dict[str, Any]:
        """Return the event that says in one what the whole history amounts to."""
        return happened.to_json(happened.stamp(happened.StateKept(to_json(self.loop.state)), self.loop.clock))

    # Change

    def plan(self, spec: Spec | None, up: Up) -> Plan:
        """Return what `apply` would do."""
        return plan_up(self._variants.prefer(spec) if spec else self.loop.spec, self.loop.state, up)

    async def apply(self, spec: Spec | None, up: Up) -> Accepted:
        """Bring services up as `spec` (none: the one in force) says; the first call begins the run.

        UsageError and EnvironmentProblem leave everything as it was.
        """
        if spec is None and self.run is None:
            raise UsageError("nothing runs here", next="Start the stack with `devctl up`.")
        if self._is_ending:
            raise DevctlError("the stack is being taken down", next="Run the command again in a moment.")
        accepted: list[Accepted] = []
        await self._reached()
        await self.loop.ask(
            lambda: self._apply(self._variants.prefer(spec) if spec else self.loop.spec, up, accepted.append)
        )
        return accepted[0]

    async def _reached(self) -> None:
        if self._connected is not None:
            await self._connected

    def _apply(self, spec: Spec, up: Up, accept: Callable[[Accepted], None]) -> Iterator[Event]:
        state = self.loop.state
        plan = plan_up(spec, state, up)
        merged = merge(spec, self.loop.spec if self.run else None, state, up.names)
        targets = {goal.service for goal in plan.goals if goal.up}
        allocated = self._allocator.allocate(merged, self.loop.spec, state, targets)
        began = self.run is None
        run = self.run or self._create_run()
        self._write_spec(run, merged, began=began)
        if began:
            self._work_on(run)
            yield happened.RunBegan(run.id, spec.name, self._boot)
            yield happened.SupervisorBegan(os.getpid())
        self.loop.hurry = False
        self.loop.put_in_force(merged)
        yield from (event for event in allocated if not isinstance(event, happened.VariantMissing))
        yield happened.Planned(plan.goals)
        yield from (event for event in allocated if isinstance(event, happened.VariantMissing))
        asked = frozenset(up.names) | targets if up.names else frozenset((*merged.active, *targets))
        accept(Accepted(run.id, began, plan, asked))

    def _create_run(self) -> Run:
        try:
            return store.create(self.paths)
        except OSError as error:
            raise files.problem(error, str(self.paths.runs)) from error

    def _write_spec(self, run: Run, spec: Spec, *, began: bool) -> None:
        try:
            replace_file(run.spec_file, json.dumps(to_json(spec)).encode())
        except OSError as error:
            if began:
                store.delete(run)
            raise files.problem(error, str(run.spec_file)) from error

    async def stop(self, names: Iterable[str], *, cause: str = "asked for") -> Accepted:
        """Stop services and nothing else."""
        names = tuple(names)
        return await self._change(lambda: plan_stop(self.loop.state, names, cause), names)

    async def restart(self, names: Iterable[str], *, with_dependents: bool, cause: str = "asked for") -> Accepted:
        """Restart services in dependency order."""
        names = tuple(names)
        return await self._change(
            lambda: plan_restart(self.loop.spec, self.loop.state, names, with_dependents=with_dependents, cause=cause),
            names,
        )

    async def _change(self, decide: Callable[[], Plan], names: tuple[str, ...]) -> Accepted:
        if self.run is None:
            raise UsageError("nothing runs here", next="Start the stack with `devctl up`.")
        self._check_names(names)
        plans: list[Plan] = []

        def events() -> Iterator[Event]:
            plans.append(decide())
            yield happened.Planned(plans[0].goals)

        await self.loop.ask(events)
        touched = frozenset(goal.service for goal in plans[0].goals)
        return Accepted(self.run.id, False, plans[0], touched | frozenset(names))

    def _check_names(self, names: Iterable[str]) -> None:
        check_names(self.loop.spec.services, names)

    async def kill(self, names: Iterable[str], signal_name: str) -> list[str]:
        """Send a signal to every process of services; return the instances that got it."""
        names = tuple(names)
        self._check_names(names)
        number = signal_number(signal_name)
        hit = [i for i in self.loop.state.living if i.service in names and i.pid]
        for instance in hit:
            self.loop.post(happened.InstanceSignalled(instance.id, instance.service, signal_name))
            await self.runners[self._holders.kind_of(instance)].signal(instance.id, number)
        return [i.id for i in hit]

    # End

    async def hurry(self) -> None:
        """From now on stop without order and without grace, also what is being stopped already."""
        self.loop.hurry = True
        if self.executor:
            await self.executor.kill_stopping()

    async def down(self, *, volumes: bool) -> None:
        """Stop everything in reverse order and end the run."""
        self._is_ending = True
        await self._reached()
        if self.run is not None:
            everything = tuple(self.loop.state.services)
            await self.loop.ask(lambda: [happened.Planned(plan_stop(self.loop.state, everything).goals)])
            await self.loop.until(lambda: not self.loop.state.living)
            await self.loop.ask(lambda: [happened.RunEnded()])
        if volumes:
            delete_volumes(self.paths)
        self.is_over.set()

    async def close(self, *, end: bool) -> None:
        """Let go of everything; `end`: also of the holders, which are empty then."""
        if self._connected is not None:
            with contextlib.suppress(DevctlError):
                await self._connected
        if self._saving:
            self._saving.cancel()
        self._tasks.cancel()
        if self.executor:
            await self.executor.close()
        for runner in self.runners.values():
            await runner.close(end=end)

    # What settles, and what is kept

    def is_settled(self, names: Iterable[str]) -> bool:
        """Tell whether nothing more happens to `names` by itself, downloads for the optional apart."""
        standings = self.loop.standings
        return all(is_settled(standings, name) or self.is_going_on(name) for name in names)

    def is_going_on(self, name: str) -> bool:
        """Tell whether `name` is optional and still waits for its program, or for a service that does."""
        service, found = self.loop.spec.services.get(name), self.loop.state.services.get(name)
        standing = self.loop.standings.get(name)
        if not (service and service.optional and found and standing):
            return False
        if standing.status is Status.BLOCKED:
            return any(self.is_going_on(other) for other in standing.waits_for)
        chosen = self.launches.chosen(name) if self.launches else None
        if standing.status is not Status.PENDING or found.tools is not None or chosen is None:
            return False
        return must_download(self.loop.spec, chosen.variant) and self._downloads.goes_on(name, begun=found.fetching)

    def _changed(self, change: Change) -> None:
        """Have the keeper hold the state too, in case the disk is full when it is needed, and keep variants."""
        for event in change.events:
            if isinstance(event, happened.FetchBegan):
                self._downloads.begin(event.service)
            if isinstance(event, happened.InstanceStarted) and self.launches:
                chosen = self.launches.chosen(event.service)
                if chosen:
                    self._variants.note(chosen.service, chosen.variant.name)
        self._tell_full_disk()
        if self.run is None or self.loop.state.ended:
            return
        if self._is_disk_full:  # the keeper alone remembers
            self._save()
        elif self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(_SAVE_AFTER_SECONDS, self._save)

    def _tell_full_disk(self) -> None:
        """Say once that the history does not reach the disk, and once that it does again."""
        is_full = self.journal is not None and self.journal.unwritten > 0
        if is_full != self._is_disk_full:
            self._is_disk_full = is_full
            text = "cannot be written: it is kept in memory until the disk has room" if is_full else "is on disk again"
            self.loop.post(happened.Noticed(f"the history of the run {text}"))

    def _save(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
        self._saving = None
        self._keep(self.runners[Kind.PROCESS].save(adopt.take_snapshot(self.loop.state)))

    def _keep(self, work: Any) -> None:
        self._tasks.start(_quietly(work))


async def _quietly(work: Any) -> None:
    with contextlib.suppress(HolderLost):
        await work
