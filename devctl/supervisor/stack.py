"""One stack from the first `up` to `down`: begins its run, changes it, takes it back, ends it.

Requests are decided inside the loop (`Loop.ask`), so that nothing else happens meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from devctl.clock import Clock
from devctl.core import events as happened
from devctl.core.decide import must_download
from devctl.core.events import Event
from devctl.core.launch import Launch
from devctl.core.plan import Plan, Up, check_names, merge, plan_restart, plan_stop, plan_up
from devctl.core.ports import Allocation, Conflict, allocate, candidates
from devctl.core.spec import Service, Spec, to_json
from devctl.core.standing import is_settled
from devctl.core.state import Instance
from devctl.core.status import Kind, Status
from devctl.errors import DevctlError, EnvironmentProblem, UsageError
from devctl.paths import StackPaths
from devctl.record import store
from devctl.record.store import EventLog, Run
from devctl.runners.base import HolderLost, Identity, Runner
from devctl.supervisor import adopt, files, sockets
from devctl.supervisor.executor import Executor, signal_number
from devctl.supervisor.fetch import Downloads, Report
from devctl.supervisor.health import Health
from devctl.supervisor.launches import Launches
from devctl.supervisor.loop import Change, Loop
from devctl.supervisor.stop import delete_volumes
from devctl.supervisor.variants import KeptVariants

_SAVE_AFTER_SECONDS = 1.0
_RECONNECT_SECONDS = (0.0, 0.1, 0.5, 2.0)


class Sockets(Protocol):
    """What is asked about ports of this machine; see `supervisor.sockets`."""

    def is_free(self, number: int) -> bool: ...
    def owner(self, number: int) -> str: ...
    def ephemeral_range(self) -> tuple[int, int]: ...


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
        self._reconnecting: set[Kind] = set()
        self._boot = boot
        self._is_ending = False
        self._ports = ports
        self._connected: asyncio.Task[None] | None = None
        self._saving: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        loop.listeners.append(self._changed)

    # Begin

    async def open(self) -> None:
        """Find what an earlier supervisor left, and begin to reach the runners.

        To be called before the loop runs: what the runners tell meanwhile waits until the state is restored.
        """
        found = store.current(self.paths)
        if found is not None and adopt.left_behind(found, b"", self._boot):
            await self._take_back(found)
        else:
            self._connected = asyncio.get_running_loop().create_task(self._reach_fresh())

    async def _reach_fresh(self) -> None:
        """Reach the holders where nothing is known of a run; what they hold all the same is stopped."""
        for kind, runner in self.runners.items():
            for identity in await self._connect(kind, runner):
                await runner.stop(identity.instance, signal_number("SIGKILL"), 0.0)

    async def _connect(self, kind: Kind, runner: Runner) -> list[Identity]:
        return await runner.connect(self.loop.post, lambda: self._lost(kind))

    async def _take_back(self, run: Run) -> None:
        living = {kind: await self._connect(kind, runner) for kind, runner in self.runners.items()}
        snapshot = await self.runners[Kind.PROCESS].saved()
        left = adopt.left_behind(run, snapshot, self._boot)
        assert left is not None, "a snapshot only adds to what the history said"
        self._work_on(run)
        self.loop.restore(left.spec, left.state)
        self.loop.post(happened.SupervisorBegan(os.getpid(), len(left.state.living)))
        for kind, identities in living.items():
            await self._compare(kind, identities)

    def _lost(self, kind: Kind) -> None:
        """Begin to find or make the holder again, unless that is under way."""
        if kind not in self._reconnecting and not self.is_over.is_set():
            self._reconnecting.add(kind)
            self._keep(self._reconnect(kind))

    async def _reconnect(self, kind: Kind) -> None:
        """Find or make the holder again after it was lost, for as long as it takes, and take back what it held."""
        for pause in itertools.chain(_RECONNECT_SECONDS, itertools.repeat(_RECONNECT_SECONDS[-1])):
            await asyncio.sleep(pause)
            try:
                await self._compare(kind, await self._connect(kind, self.runners[kind]))
            except DevctlError as error:
                self.loop.post(happened.Noticed(f"the keeper is lost and not replaced yet: {error.what}"))
            else:
                break
        self._reconnecting.discard(kind)
        self.loop.post(happened.Noticed("the keeper was lost; another one took its instances over"))

    async def _compare(self, kind: Kind, identities: list[Identity]) -> None:
        """Bring the state in line with what lives."""
        assert self.executor is not None
        known = [i for i in self.loop.state.living if self._kind_of(i) is kind]
        living = {identity.instance: identity for identity in identities}
        missing = [i for i in known if i.id not in living and i.pid]
        pairs = [(launch, adopt.identity_of(i, self._boot)) for i in missing if (launch := self._launch(i))]
        ends = await self.runners[kind].adopt(pairs) if pairs else []
        gone = {end.instance for end in ends}
        living |= {identity.instance: identity for _, identity in pairs if identity.instance not in gone}
        found = adopt.compare(known, living, ends, self.executor.started_event)
        for message in found.messages:
            self.loop.post(message)
        for instance in found.unfinished_stops:
            self.executor.resume_stop(instance)
        for stranger in found.strangers:
            await self.runners[kind].stop(stranger, signal_number("SIGKILL"), 0.0)

    def _launch(self, instance: Instance) -> Launch | None:
        chosen = self.launches.chosen(instance.service) if self.launches else None
        return self.launches.launch(chosen, instance.id) if chosen and self.launches else None

    def _kind_of(self, instance: Instance) -> Kind:
        chosen = self.launches.chosen(instance.service) if self.launches else None
        return chosen.variant.kind if chosen else Kind.PROCESS

    def _work_on(self, run: Run) -> None:
        """Wire the loop to a run."""
        self.run = run
        self.journal = self.loop.journal = EventLog(run)
        self.launches = Launches(self.loop, run)
        self.executor = self.loop.hands = Executor(
            self.loop,
            self.launches,
            self.runners,
            self.health,
            self.paths.runtime / "silent.json",
            self._downloads.hear,
        )

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
        allocation = self._allocate(merged)
        unavailable = self._refuse_conflicts(merged, allocation, targets)
        began = self.run is None
        run = self.run or self._create_run()
        self._write_spec(run, merged, began=began)
        if began:
            self._work_on(run)
            yield happened.RunBegan(run.id, spec.name, self._boot)
            yield happened.SupervisorBegan(os.getpid())
        self.loop.hurry = False
        self.loop.put_in_force(merged)
        if allocation.ports:
            yield happened.PortsAllocated(allocation.ports)
        for service, wanted, given in allocation.moved:
            yield happened.Noticed(f"port {wanted} of {service} is taken; it has {given} in this run", service)
        yield happened.Planned(plan.goals)
        yield from unavailable
        asked = frozenset(up.names) | targets if up.names else frozenset((*merged.active, *targets))
        accept(Accepted(run.id, began, plan, asked))

    def _allocate(self, spec: Spec) -> Allocation:
        """Return the ports of all services: what is not asked for may be referred to, and may come later."""
        held = self._held_ports()
        first = int(self.paths.key, 16)
        numbers = candidates(first, self._ports.ephemeral_range())
        return allocate(
            spec.services.values(), self.loop.state.ports, lambda n: n in held or self._ports.is_free(n), numbers
        )

    def _held_ports(self) -> set[int]:
        """Return the numbers that belong to this stack already: of what lives, and what the keeper has bound."""
        held: set[int] = set()
        for name, found in self.loop.state.services.items():
            service = self.loop.spec.services.get(name)
            bound = {port.name for port in service.ports if port.inherited} if service else set()
            for instance in found.instances.values():
                ports = self.loop.state.ports.get(instance.id, {})
                held |= {n for port, n in ports.items() if instance.is_alive or (port in bound and instance.ended)}
        return held

    def _refuse_conflicts(self, spec: Spec, allocation: Allocation, targets: set[str]) -> list[Event]:
        """Raise EnvironmentProblem for ports that strangers hold; optional services do without."""
        conflicts = [c for c in allocation.conflicts if c.service in targets]
        fatal = [c for c in conflicts if not spec.services[c.service].optional]
        if fatal:
            raise EnvironmentProblem(
                "; ".join(self._describe(c) for c in fatal),
                where=", ".join(dict.fromkeys(c.service for c in fatal)),
                next="Stop what holds it, give the service another port, or run a copy with `--isolated`.",
            )
        return [e for c in conflicts for e in self._without(spec.services[c.service], self._describe(c))]

    def _describe(self, conflict: Conflict) -> str:
        owner = self._ports.owner(conflict.port.number)
        return f"port {conflict.port.number} is held by {owner or 'another process, which this user may not see'}"

    def _without(self, service: Service, reason: str) -> list[Event]:
        return [happened.VariantMissing(service.name, v.name, reason, "Free the port.") for v in service.variants]

    def _create_run(self) -> Run:
        try:
            return store.create(self.paths)
        except OSError as error:
            raise files.problem(error, str(self.paths.runs)) from error

    def _write_spec(self, run: Run, spec: Spec, *, began: bool) -> None:
        try:
            files.replace(run.spec_file, json.dumps(to_json(spec)).encode())
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
            await self.runners[self._kind_of(instance)].signal(instance.id, number)
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
            with contextlib.suppress(EnvironmentProblem):
                await self._connected
        if self._saving:
            self._saving.cancel()
        for task in tuple(self._tasks):
            task.cancel()
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
        if self._saving is None and self.run is not None and not self.loop.state.ended:
            self._saving = asyncio.get_running_loop().call_later(_SAVE_AFTER_SECONDS, self._save)

    def _save(self) -> None:
        self._saving = None
        self._keep(self.runners[Kind.PROCESS].save(adopt.take_snapshot(self.loop.state)))

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(work: Any) -> None:
    with contextlib.suppress(HolderLost):
        await work
