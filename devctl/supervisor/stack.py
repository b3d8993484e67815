"""One stack from the first `up` to `down`: begins its run, changes it, takes it back, ends it.

Requests are decided inside the loop (`Loop.ask`), so that nothing else happens meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from devctl.core import events as happened
from devctl.core.derived import is_healthy
from devctl.core.plan import Plan, Up, check_names, only_instances, plan_restart, plan_stop, plan_up
from devctl.core.selection import select
from devctl.core.spec import Spec, to_json
from devctl.core.status import Kind
from devctl.errors import DevctlError, UsageError
from devctl.paths import StackPaths
from devctl.record import store
from devctl.record.store import EventLog, Run
from devctl.record.variants import KeptVariants
from devctl.runners.base import Identity, Runner, SnapshotStore
from devctl.supervisor import adopt, runs, sockets
from devctl.supervisor.active_run import ActiveRun
from devctl.supervisor.allocation import Allocator, Sockets
from devctl.supervisor.apply import Accepted, ApplyDecision, decide_apply
from devctl.supervisor.background import Background
from devctl.supervisor.connections import RunnerConnections
from devctl.supervisor.executor import Executor
from devctl.supervisor.fetch import Downloads, Report
from devctl.supervisor.fetching import Fetching
from devctl.supervisor.health import Health
from devctl.supervisor.instances import Instances
from devctl.supervisor.launches import Launches
from devctl.supervisor.listeners import Change
from devctl.supervisor.loop import Decision, Loop
from devctl.supervisor.reconcile import Reconciler
from devctl.supervisor.relaying import HandOver, Relaying, hand_over_nothing
from devctl.supervisor.routes import keep_relayed, scaled, with_relay
from devctl.supervisor.safekeeping import Safekeeping
from devctl.supervisor.settling import Settling
from devctl.supervisor.stop import delete_volumes
from devctl.supervisor.stopping import Stopping, signal_number
from devctl.supervisor.whereabouts import renamed
from devctl.supervisor.wire_faults import WireFaults
from devctl.views.snapshot import take_snapshot


class Stack:
    """The stack and the run of it, once there is one, with everything that works on it."""

    def __init__(
        self,
        paths: StackPaths,
        loop: Loop,
        runners: Mapping[Kind, Runner],
        safe: SnapshotStore,
        *,
        boot: str,
        ports: Sockets = sockets,
        on_progress: Report = lambda _: None,
        hand_over: HandOver = hand_over_nothing,
    ) -> None:
        self.paths = paths
        self.loop = loop
        self.health = Health(loop.post, loop.clock)
        self.active: ActiveRun | None = None
        self.is_over = asyncio.Event()
        self._runners = runners
        self._safe = safe
        self._boot = boot
        self._variants = KeptVariants(paths)
        self._downloads = Downloads(loop, on_progress)
        self._allocator = Allocator(ports, int(paths.key, 16))
        self._background = Background()
        self._connections = RunnerConnections(loop, runners, self._background, self._on_found)
        self._reconciler = Reconciler(loop, runners, boot)
        self._safekeeping = Safekeeping(loop, safe, self._background)
        self.settling = Settling(loop, self._downloads)
        self.starter = ""  # what the client that began the run calls itself
        self.relaying = Relaying(loop, paths.runtime, hand_over)
        self.faults = WireFaults(loop, self.relaying, self._active)
        self.instances = Instances(loop, runners, self._active)
        self._is_ending = False
        self._connected: asyncio.Task[None] | None = None
        loop.listeners.add(self._on_change)

    @property
    def run(self) -> Run | None:
        """The run, None before the first `apply`."""
        return self.active.run if self.active else None

    def notice(self) -> str:
        """Return what a person should know of the stack whatever its services' status; empty when there is nothing."""
        if self.active is None:
            return ""
        facts = (self._safekeeping.loss(self.paths.folder), renamed(self.loop.spec.folder, self.paths.folder))
        return "; ".join(filter(None, facts))

    # Begin

    async def open(self) -> None:
        """Find what an earlier supervisor left, and begin to reach the runners.

        To be called before the loop runs: what the runners report meanwhile waits until the state is restored.
        """
        last = store.current(self.paths)
        if last is None or adopt.is_over(last, self._boot):
            self._connected = asyncio.get_running_loop().create_task(self._reach_fresh())
        else:
            await self._take_back(last)

    async def _reach_fresh(self) -> None:
        for kind, identities in (await self._connections.reach()).items():
            await self._on_found(kind, identities)

    async def _take_back(self, run: Run) -> None:
        living = await self._connections.reach()
        previous = adopt.find_previous_run(run, await self._safe.saved(), self._boot)
        if previous is not None:
            self._work_on(run)
            self.loop.restore(previous.spec, previous.state)
            self.loop.previous = runs.read_previous(run)
            self.loop.post(happened.SupervisorBegan(os.getpid(), len(previous.state.living)))
        for kind, identities in living.items():
            await self._on_found(kind, identities)

    async def _on_found(self, kind: Kind, identities: list[Identity]) -> None:
        """Take back what lives; without a run nothing tells what it is, so it is ended."""
        if self.active:
            await self._reconciler.reconcile(self.active, kind, identities)
        else:
            await self._reconciler.stop_all(kind, tuple(identity.instance for identity in identities))

    def _work_on(self, run: Run) -> ActiveRun:
        """Wire the loop to a run."""
        event_log, launches = (
            EventLog(run, lambda: _state_event(self.loop)),
            Launches(self.loop, run, self.paths.runtime),
        )
        fetching = Fetching(self.paths.runtime / "silent.json", self._downloads.on_item)
        stopping = Stopping(self.loop, launches, self._runners, self.relaying.drain)
        executor = Executor(self.loop, launches, self._runners, self.health, fetching, stopping)
        self.loop.attach(executor, event_log)
        self.active = ActiveRun(run, event_log, launches, executor, stopping)
        return self.active

    # Change

    def plan(self, spec: Spec | None, up: Up) -> Plan:
        """Return what `apply` would do."""
        return plan_up(self._spec_or_in_force(spec), self.loop.state, up)

    async def apply(self, spec: Spec | None, up: Up, starter: str = "") -> Accepted:
        """Bring services up as `spec` (none: the one in force) says; the first call begins the run.

        UsageError and EnvironmentProblem leave everything as it was.
        """
        if spec is None:
            self._active()
        await self._reached()

        def decide() -> Decision[Accepted]:
            request = up if spec else only_instances(self.loop.state, up)
            return self._commit(self._decide(self._spec_or_in_force(spec), request), starter)

        return await self.loop.ask(decide)

    def _spec_or_in_force(self, spec: Spec | None) -> Spec:
        return with_relay(keep_relayed(self._variants.prefer(spec), self.loop.spec)) if spec else self.loop.spec

    async def _reached(self) -> None:
        """Return once the runners are reached; whoever stops waiting for that does not stop the others' waiting."""
        if self._connected is not None:
            await asyncio.shield(self._connected)

    def _decide(self, spec: Spec, up: Up) -> ApplyDecision:
        self._refuse_while_ending()
        in_force = self.loop.spec if self.active else None
        if in_force and in_force.folder != spec.folder:  # renamed meanwhile: what runs has paths of the old one
            up = replace(up, force=True)
        return decide_apply(spec, in_force, self.loop.state, up, self._allocator)

    def _commit(self, decision: ApplyDecision, starter: str) -> Decision[Accepted]:
        """Put a decision in force: on disk first, where it may still fail."""
        is_first = self.active is None
        run = self.active.run if self.active else runs.create_run(self.paths)
        if not is_first and decision.spec.services != self.loop.spec.services and _is_well(self.loop):
            runs.keep_good_spec(run)
        runs.write_spec(run, decision.spec, is_new=is_first)
        events = decision.events
        if is_first:
            self._work_on(run)
            self.starter = starter
            began = happened.RunBegan(run.id, decision.spec.name, self._boot)
            events = (began, happened.SupervisorBegan(os.getpid()), *events)
        self.loop.force_stop = False
        self.loop.activate(decision.spec)
        runs.write_previous(run, self.loop.previous)
        return Decision(events, Accepted(run.id, is_first, decision.plan, decision.names))

    async def stop(self, names: Iterable[str], *, cause: str = "asked for") -> Accepted:
        """Stop services and nothing else."""
        names = tuple(names)
        return await self._change(lambda: plan_stop(self.loop.state, names, cause), names)

    async def restart(
        self, names: Iterable[str], *, with_dependents: bool, cause: str = "asked for", all_at_once: bool = False
    ) -> Accepted:
        """Restart services in dependency order, their instances one after the other unless `all_at_once`."""
        names = tuple(names)
        return await self._change(
            lambda: plan_restart(
                self.loop.spec, self.loop.state, names,
                with_dependents=with_dependents, cause=cause, all_at_once=all_at_once,
            ),
            names,
        )  # fmt: skip

    async def scale(self, counts: Mapping[str, int]) -> Accepted:
        """Run so many instances of services from now on, until the next `up` by the manifest."""
        self._active()
        check_names(self.loop.spec.services, counts)
        await self._reached()

        def decide() -> Decision[Accepted]:
            spec = with_relay(scaled(self.loop.spec, counts))
            return self._commit(self._decide(spec, Up(tuple(counts), no_deps=True)), "")

        return await self.loop.ask(decide)

    async def _change(self, make_plan: Callable[[], Plan], names: tuple[str, ...]) -> Accepted:
        run = self._active().run

        def decide() -> Decision[Accepted]:
            self._refuse_while_ending()
            services = frozenset(select(self.loop.state, names))
            check_names(self.loop.spec.services, services)
            plan = make_plan()
            affected = frozenset(goal.service for goal in plan.goals)
            return Decision((happened.Planned(plan.goals),), Accepted(run.id, False, plan, affected | services))

        return await self.loop.ask(decide)

    def _refuse_while_ending(self) -> None:
        """Refuse what would bring something up behind a `down`; to be asked where it is decided, not before."""
        if self._is_ending:
            raise DevctlError("the stack is being taken down", next="Run the command again in a moment.")

    def _active(self) -> ActiveRun:
        if self.active is None:
            raise UsageError("nothing runs here", next="Start the stack with `devctl up`.")
        return self.active

    async def kill(self, names: Iterable[str], signal_name: str) -> list[str]:
        """Send a signal to every process of services or of single instances; return the instances that got it."""
        names = tuple(names)
        check_names(self.loop.spec.services, select(self.loop.state, names))
        number = signal_number(signal_name)
        targets = [i for i in self.loop.state.living if (i.service in names or i.id in names) and i.pid]
        for instance in targets:
            self.loop.post(happened.InstanceSignalled(instance.id, instance.service, signal_name))
            await self._runners[self._active().kind_of(instance)].signal(instance.id, number)
        return [i.id for i in targets]

    # End

    async def force_stop(self) -> None:
        """From now on stop without order and without grace, also what is being stopped already."""
        self.loop.force_stop = True
        if self.active:
            await self.active.stopping.kill()

    async def down(self, *, volumes: bool) -> None:
        """Stop everything in reverse order and end the run."""
        self._is_ending = True
        await self._reached()
        if self.active is not None:
            everything = tuple(self.loop.state.services)
            await self.loop.record(lambda: happened.Planned(plan_stop(self.loop.state, everything).goals))
            await self.loop.until(lambda: not self.loop.state.living)
            await self.loop.record(happened.RunEnded)
        if volumes:
            delete_volumes(self.paths)
        self.is_over.set()

    async def close(self, *, end: bool) -> None:
        """Let go of everything; `end`: also of the runners' backends, which are empty then."""
        if self._connected is not None:
            with contextlib.suppress(DevctlError):
                await self._connected
        self._safekeeping.close()
        self.relaying.close()
        self._background.cancel()
        if self.active:
            await self.active.executor.close()
        await self._connections.close(end=end)

    def _on_change(self, change: Change) -> None:
        """Time downloads, keep the variants that were started, and keep the state safe."""
        for event in change.events:
            if isinstance(event, happened.FetchBegan):
                self._downloads.begin(event.service)
            elif isinstance(event, happened.RolloutFailed) and self.active:
                runs.write_spec(self.active.run, self.loop.spec, is_new=False)
            elif isinstance(event, happened.InstanceStarted):
                chosen = self.active.launches.chosen(event.service) if self.active else None
                if chosen:
                    self._variants.record(chosen.service, chosen.variant.name)
        if self.active:
            self._safekeeping.on_change(self.active.event_log)


def _state_event(loop: Loop) -> dict[str, Any]:
    """Return the event that says in one what the whole event log amounts to."""
    return happened.to_json(happened.stamp(happened.StateKept(to_json(loop.state)), loop.clock))


def _is_well(loop: Loop) -> bool:
    """Tell whether everything but the optional is good."""
    snapshot = take_snapshot(loop.spec, loop.state)
    return is_healthy(snapshot.statuses, snapshot.optional)
