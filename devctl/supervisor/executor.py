"""Does the steps that the loop decides on, through runners, probes and the fetching child. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

from devctl.core import events as happened
from devctl.core.checks import Check
from devctl.core.decide import Fetch, Start, Step, Stop
from devctl.core.launch import Launch
from devctl.core.state import Instance
from devctl.core.status import Kind, Status
from devctl.errors import DevctlError
from devctl.runners.base import HolderLost, Identity, Runner, Stopped
from devctl.supervisor import child, fetch, files
from devctl.supervisor.health import Health, Watched
from devctl.supervisor.launches import Chosen, Launches
from devctl.supervisor.loop import Loop
from devctl.tasks import BackgroundTasks

_ASKED = frozenset({Status.STARTING, Status.RUNNING, Status.HEALTHY, Status.UNHEALTHY})

_INSIST_SECONDS = 1.0

Fetcher = Callable[[Iterable[str], Path, fetch.Report, bool], Awaitable[dict[str, str]]]


class Executor:
    """The hands of the loop. Each step is a task that ends in an event."""

    def __init__(
        self,
        loop: Loop,
        launches: Launches,
        runners: Mapping[Kind, Runner],
        health: Health,
        skip_file: Path,
        report: fetch.Report,
        fetcher: Fetcher = fetch.fetch,
    ) -> None:
        self._loop = loop
        self._launches = launches
        self._runners = runners
        self._health = health
        self._skip_file = skip_file
        self._report = report
        self._fetcher = fetcher
        self._tasks = BackgroundTasks()
        self._fetches: dict[str, asyncio.Future[None]] = {}
        self._shapes: dict[str, object] = {}

    def begin(self, step: Step) -> None:
        """Begin a step and return at once."""
        match step:
            case Fetch():
                self._fetches[step.service] = self._task(self._fetch(step))
            case Start():
                self._task(self._start(step))
            case Stop():
                self._task(self._stop(step))

    def follow(self, names: Iterable[str]) -> None:
        """Begin and end probes, end needless fetches, and rewrite live files when an address or variant changed."""
        moved = False
        for name in names:
            self._follow_fetch(name)
            chosen = self._launches.chosen(name)
            found = self._loop.state.services.get(name)
            for instance in found.instances.values() if found else ():
                self._follow_health(chosen, instance)
            moved = self._has_moved(name, chosen) or moved
        if moved:
            self._task(self.rewrite_live_files())

    async def rewrite_live_files(self) -> None:
        """Bring the live files of everything that lives up to date; what fails is told and tried again next time."""
        for name, found in tuple(self._loop.state.services.items()):
            chosen = self._launches.chosen(name)
            if chosen and any(f.live for f in chosen.variant.files):
                for instance in [i for i in found.instances.values() if i.is_alive]:
                    try:
                        self._rewrite(chosen, instance.id)
                    except DevctlError as error:
                        self._loop.post(happened.Noticed(f"{error.where}: {error.what}", name))

    def _rewrite(self, chosen: Chosen, instance: str) -> None:
        written = files.write_files(self._launches.files(chosen, instance, live_only=True))
        if written and chosen.variant.on_change:
            self._task(self._bring_into_force(chosen.service.name, self._launches.change(chosen, instance)))

    async def _bring_into_force(self, service: str, change: Launch) -> None:
        if failure := await child.run(change):
            self._loop.post(happened.Noticed(f"a change of {service} is not in force: {failure}", service))

    async def close(self) -> None:
        """Let go of every step that is under way."""
        self._health.close()
        self._tasks.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def resume_stop(self, instance: Instance) -> None:
        """Go on with a stop that an earlier supervisor, or a lost keeper, left unfinished."""
        self._task(self._stop(Stop(instance.service, instance.id)))

    async def kill_stopping(self) -> None:
        """Kill everything that is being stopped and takes its time."""
        for instance in self._loop.state.living:
            if instance.status is Status.STOPPING:
                await self.runner_of(instance.service).signal(instance.id, signal.SIGKILL)

    def runner_of(self, service: str) -> Runner:
        """Return the runner that holds the instances of `service`."""
        chosen = self._launches.chosen(service)
        return self._runners[chosen.variant.kind if chosen else Kind.PROCESS]

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
        task = self._tasks.start(work)
        task.add_done_callback(_report)
        return task

    # Fetch

    async def _fetch(self, step: Fetch) -> None:
        try:
            paths = fetch.at_hand(step.tools, self._loop.spec.tools)
            if paths is None:
                service = self._loop.spec.services.get(step.service)
                paths = await self._fetcher(
                    step.tools,
                    self._skip_file,
                    lambda item: self._report({"service": step.service, **item}),
                    service is not None and service.optional,
                )
        except DevctlError as error:
            self._loop.post(happened.VariantMissing(step.service, step.variant, str(error.what), error.next))
        else:
            self._loop.post(happened.ToolsReady(step.service, step.variant, paths))
        finally:
            self._fetches.pop(step.service, None)

    def _follow_fetch(self, name: str) -> None:
        found = self._loop.state.services.get(name)
        if name in self._fetches and not (found and found.fetching):
            self._fetches.pop(name).cancel()

    # Start

    async def _start(self, step: Start) -> None:
        try:
            identity = await self._started(step)
        except HolderLost:
            return  # the supervisor finds out what became of it once the holder is back
        except DevctlError as error:
            reason = f"{error.where}: {error.what}" if error.where else error.what
            self._loop.post(happened.StartFailed(step.instance, step.service, reason, error.next))
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
        self._launches.check(chosen, step.instance)  # what it cannot be asked, it is not started with
        return await runner.start(self._launches.launch(chosen, step.instance))

    def started_event(self, service: str, identity: Identity) -> happened.InstanceStarted:
        """Return the event that says that an instance lives."""
        chosen = self._launches.chosen(service)
        return happened.InstanceStarted(
            identity.instance, service, identity.pid, identity.start_ticks, identity.started_ns, identity.container,
            checked=chosen is not None and chosen.variant.check is not None,
        )  # fmt: skip

    # Stop

    async def _stop(self, step: Stop) -> None:
        service = self._loop.spec.services.get(step.service)
        number = signal_number(service.stop_signal if service else "SIGTERM")
        grace = service.stop_grace_seconds if service else 10.0
        if self._loop.hurry:
            number, grace = signal.SIGKILL, 0.0
        try:
            stopped = await self._insist(step, number, grace)
        except HolderLost:
            return
        self._loop.post(happened.InstanceStopped(step.instance, step.service, stopped.code, stopped.killed))

    async def _insist(self, step: Stop, number: int, grace_seconds: float) -> Stopped:
        """Stop an instance, over and over where a process of it hangs in the kernel."""
        while True:
            try:
                return await self.runner_of(step.service).stop(step.instance, number, grace_seconds)
            except HolderLost:
                raise
            except DevctlError as error:
                self._loop.post(happened.Noticed(f"{step.instance}: {error.what}", step.service))
                await asyncio.sleep(_INSIST_SECONDS)

    # Health

    def _follow_health(self, chosen: Chosen | None, instance: Instance) -> None:
        wanted = chosen is not None and instance.pid != 0 and instance.status in _ASKED
        check = self._check(chosen, instance.id) if chosen and wanted else None
        if chosen is None or check is None:
            self._health.drop(instance.id)
        elif not self._health.is_watched(instance.id, instance.pid, check):
            target = self._launches.target(chosen, instance)
            is_good = instance.status is Status.HEALTHY
            self._health.watch(Watched(instance.id, instance.service, instance.pid, check, target), is_good=is_good)

    def _check(self, chosen: Chosen, instance: str) -> Check | None:
        """Return the check of an instance; None for one whose words no longer say anything after an edit."""
        with contextlib.suppress(DevctlError):
            return self._launches.check(chosen, instance)
        return None

    def _has_moved(self, name: str, chosen: Chosen | None) -> bool:
        """Whether what live files may say of a service is another than last time."""
        shape = (chosen.variant.name, chosen.found.replicas, chosen.found.up, id(chosen.service)) if chosen else None
        changed = self._shapes.get(name) != shape
        self._shapes[name] = shape
        return changed


def signal_number(name: str) -> int:
    """Return the number of a signal by its name, with or without SIG, or by its number."""
    if name.isdigit():
        return int(name)
    return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])


def _report(task: asyncio.Future[None]) -> None:
    """Hand the error of a step that failed to the event loop: nobody awaits it."""
    if not task.cancelled() and (error := task.exception()):
        asyncio.get_running_loop().call_exception_handler({"message": "a step failed", "exception": error})
