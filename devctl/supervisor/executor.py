"""Does the steps that the loop decides on, through runners, probes and the fetching child. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

from devctl.core import events as happened
from devctl.core.checks import Check
from devctl.core.decide import Abandon, Fetch, Start, Step, Stop
from devctl.core.launch import Launch
from devctl.core.state import Instance
from devctl.core.status import Kind, Status
from devctl.errors import DevctlError
from devctl.runners.base import BackendLost, Identity, Runner
from devctl.supervisor import child, files, hooks
from devctl.supervisor.background import Background
from devctl.supervisor.bugs import explained
from devctl.supervisor.fetching import Fetching
from devctl.supervisor.health import Health, Watched, key_of
from devctl.supervisor.launches import Chosen, Launches
from devctl.supervisor.loop import Loop
from devctl.supervisor.stopping import Stopping, signal_number

_CHECKED = frozenset({Status.STARTING, Status.RUNNING, Status.HEALTHY, Status.UNHEALTHY})


class Executor:
    """Does the steps of the loop (see `loop.StepExecutor`). Each step is a task that ends in an event."""

    def __init__(
        self,
        loop: Loop,
        launches: Launches,
        runners: Mapping[Kind, Runner],
        health: Health,
        fetching: Fetching,
        stopping: Stopping,
    ) -> None:
        self._loop = loop
        self._launches = launches
        self._runners = runners
        self._health = health
        self._fetching = fetching
        self._background = Background()
        self._fetches: dict[str, asyncio.Future[None]] = {}
        self._shapes: dict[str, object] = {}
        self._ended_pids: dict[str, int] = {}
        self._stopping = stopping

    def begin(self, step: Step) -> None:
        """Begin a step and return at once."""
        match step:
            case Fetch():
                self._fetches[step.service] = self._background.begin(self._fetch(step))
            case Start():
                self._background.begin(self._start(step))
            case Stop():
                self._background.begin(self._stopping.stop(step))
            case Abandon():
                pass  # the event that says so has done it

    def follow(self, names: Iterable[str]) -> None:
        """Begin and end probes, end needless fetches, and rewrite live files when an address or variant changed."""
        moved = False
        for name in names:
            self._follow_fetch(name)
            chosen = self._launches.chosen(name)
            service_state = self._loop.state.services.get(name)
            for instance in service_state.instances.values() if service_state else ():
                started_as = self._launches.chosen_for(instance)
                self._follow_health(started_as, instance)
                self._follow_liveness(started_as, instance)
            moved = self._has_moved(name, chosen) or moved
        if moved:
            self._background.begin(self.rewrite_live_files())

    async def rewrite_live_files(self) -> None:
        """Bring the live files of everything that lives up to date; what fails is reported and tried again later."""
        for name, service_state in tuple(self._loop.state.services.items()):
            chosen = self._launches.chosen(name)
            if chosen and any(f.live for f in chosen.variant.files):
                for instance in [i for i in service_state.instances.values() if i.is_alive]:
                    try:
                        self._rewrite(chosen, instance.id)
                    except DevctlError as error:
                        self._loop.post(happened.Notice(f"{error.where}: {error.what}", name))

    def _rewrite(self, chosen: Chosen, instance: str) -> None:
        written = files.write_files(self._launches.files(chosen, instance, live_only=True))
        if written and chosen.variant.on_change:
            self._background.begin(self._activate_change(chosen.service.name, self._launches.change(chosen, instance)))

    async def _activate_change(self, service: str, change: Launch) -> None:
        if failure := await child.run(change):
            self._loop.post(happened.Notice(f"a change of {service} is not in force: {failure}", service))

    async def close(self) -> None:
        """Cancel every step that is under way."""
        self._health.close()
        await self._background.cancel_and_wait()

    def resume_stop(self, instance: Instance) -> None:
        """Go on with a stop that an earlier supervisor, or a lost keeper, left unfinished."""
        self.begin(Stop(instance.service, instance.id))

    # Fetch

    async def _fetch(self, step: Fetch) -> None:
        try:
            paths = await self._fetching.bring(step, self._loop.spec, self._launches.chosen(step.service))
        except Exception as error:  # the border of a step, which ends in an event whatever happens
            problem = explained(error)
            self._loop.post(happened.VariantMissing(step.service, step.variant, str(problem.what), problem.next))
        else:
            self._loop.post(happened.ToolsReady(step.service, step.variant, paths))
        finally:
            self._fetches.pop(step.service, None)

    def _follow_fetch(self, name: str) -> None:
        service_state = self._loop.state.services.get(name)
        if name in self._fetches and not (service_state and service_state.fetching):
            self._fetches.pop(name).cancel()

    # Start

    async def _start(self, step: Start) -> None:
        try:
            identity = await self._started(step)
        except BackendLost:
            return  # the supervisor finds out what became of it once the backend is back
        except Exception as error:  # the border of a step, which ends in an event whatever happens
            problem = explained(error)
            reason = f"{problem.where}: {problem.what}" if problem.where else problem.what
            self._loop.post(happened.StartFailed(step.instance, step.service, reason, problem.next))
        else:
            self._loop.post(self.started_event(step.service, identity))

    async def _started(self, step: Start) -> Identity:
        chosen = self._launches.chosen(step.service)
        if chosen is None:
            raise DevctlError("no variant of it is left")
        files.make_folders(self._launches.folders(chosen, step.instance))
        files.write_files(self._launches.files(chosen, step.instance))
        runner = self._runners.get(chosen.variant.kind)
        if runner is None:
            raise DevctlError(f"this devctl cannot run a {chosen.variant.kind}", next="Run it as a process.")
        self._launches.check(chosen, step.instance)  # an instance whose check cannot be asked is not started
        identity = await runner.start(self._launches.launch(chosen, step.instance))
        number = signal_number(chosen.service.stop_signal)
        await hooks.after_start(self._launches, runner, chosen, step.instance, number)
        return identity

    def started_event(self, service: str, identity: Identity) -> happened.InstanceStarted:
        """Return the event that says that an instance lives."""
        chosen = self._launches.chosen(service)
        return happened.InstanceStarted(
            identity.instance, service, identity.pid, identity.start_ticks, identity.started_ns, identity.container,
            checked=chosen is not None and chosen.variant.check is not None,
        )  # fmt: skip

    # Health

    def _follow_health(self, chosen: Chosen | None, instance: Instance) -> None:
        is_checked = instance.pid != 0 and instance.status in _CHECKED
        check = self._check(chosen, instance.id) if chosen and is_checked else None
        if chosen is None or check is None:
            self._health.drop(instance.id)
        elif not self._health.is_watched(instance.id, instance.pid, check):
            target = self._launches.target(chosen, instance)
            is_good = instance.status is Status.HEALTHY
            self._health.watch(Watched(instance.id, instance.service, instance.pid, check, target), is_good=is_good)

    def _check(self, chosen: Chosen, instance: str, *, is_liveness: bool = False) -> Check | None:
        """Return a check of an instance; None for one whose references nothing resolves after an edit."""
        with contextlib.suppress(DevctlError):
            return self._launches.check(chosen, instance, is_liveness=is_liveness)
        return None

    def _follow_liveness(self, chosen: Chosen | None, instance: Instance) -> None:
        """Ask an instance that has been good whether it lives, and end one that no longer does."""
        is_asked = instance.pid != 0 and instance.status in _CHECKED and bool(instance.first_good)
        check = self._check(chosen, instance.id, is_liveness=True) if chosen and is_asked else None
        if chosen is None or check is None:
            self._health.drop(key_of(instance.id, is_liveness=True))
        elif instance.liveness:
            self._end_hung(instance)
        elif not self._health.is_watched(instance.id, instance.pid, check, is_liveness=True):
            target = self._launches.target(chosen, instance)
            watched = Watched(instance.id, instance.service, instance.pid, check, target, is_liveness=True)
            self._health.watch(watched, is_good=True)

    def _end_hung(self, instance: Instance) -> None:
        if self._ended_pids.get(instance.id) != instance.pid:
            self._ended_pids[instance.id] = instance.pid
            self._background.begin(self._terminate(instance))

    async def _terminate(self, instance: Instance) -> None:
        """End an instance whose end is reported as one of its own, so that its restart policy decides."""
        service = self._loop.spec.services.get(instance.service)
        number = signal_number(service.stop_signal if service else "SIGTERM")
        with contextlib.suppress(DevctlError):
            await self._runners[instance.kind].stop(
                instance.id, number, service.stop_grace_seconds if service else 10.0
            )

    def _has_moved(self, name: str, chosen: Chosen | None) -> bool:
        """Whether what live files may say of a service is another than last time."""
        state = chosen.state if chosen else None
        shape = (
            (chosen.variant.name, tuple(state.instances), state.desired_up, id(chosen.service))
            if chosen and state
            else None
        )
        changed = self._shapes.get(name) != shape
        self._shapes[name] = shape
        return changed
