"""Runs instances as native processes held by the keeper: start, signal, stop to the last descendant.

It never decides whether to restart; whatever an ended instance leaves behind is swept before its end is reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from devctl.core.launch import Launch
from devctl.errors import DevctlError, EnvironmentProblem
from devctl.keeper import start, system, wire
from devctl.machine import open_files
from devctl.machine.boot import boot_id
from devctl.machine.process import start_ticks
from devctl.paths import StackPaths
from devctl.runners import processes
from devctl.runners.base import BackendLost, Exit, Identity, Stopped
from devctl.runners.failed_start import explain
from devctl.runners.keeper import KeeperLink, Starter, connect
from devctl.runners.managed import ManagedProcess
from devctl.runners.processes import Table
from devctl.runners.scan import SharedScan
from devctl.runners.terminate import terminate_tree
from devctl.tasks import BackgroundTasks

_CODE_SECONDS = 1.0  # how long the keeper's report of an end may lag behind the end
_NOBODY = -1  # the pid and the ticks of no process


class ProcessRunner:
    """Implements `runners.base.Runner` for native processes; `keeper` is the pid of one that this process started."""

    def __init__(self, paths: StackPaths, on_keeper: Callable[[int], None] = lambda _: None, keeper: int = 0) -> None:
        self._paths = paths
        self._on_keeper = on_keeper
        table = Table(str(paths.runtime / start.FIFO_FOLDER))
        self._scan = SharedScan(table, lambda: {n: m.leader for n, m in self._managed.items()}, lambda: self.keeper_pid)
        self._managed: dict[str, ManagedProcess] = {}
        self._tasks = BackgroundTasks()
        self._on_exit: Callable[[Exit], None] = lambda _: None
        self._on_lost: Callable[[], None] = lambda: None
        self._is_closing = False
        self._starter = Starter(paths.runtime, keeper)
        self._live_link: KeeperLink | None = None
        self._fifos: dict[str, int] = {}
        self._may_have_orphans = False  # a keeper was killed, perhaps between a start and its answer
        self.keeper_pid = 0

    async def connect(self, on_exit: Callable[[Exit], None], on_lost: Callable[[], None]) -> list[Identity]:
        """Find or start the keeper; return what lives. Ends that were never reported are, right afterwards."""
        self._on_exit, self._on_lost = on_exit, on_lost
        system.raise_file_limit()
        if self._live_link:
            await self._live_link.close()
        self._live_link, hello = await connect(self._starter, self._on_event)
        if hello["version"] != wire.VERSION:
            raise EnvironmentProblem(
                f"the keeper (process {hello['pid']}) belongs to another version of devctl",
                next="run `down` with the devctl that started this stack",
            )
        self.keeper_pid = hello["pid"]
        self._on_keeper(self.keeper_pid)
        learned = [self._learn(described) for described in hello["instances"]]
        self._link.report_loss(self._on_keeper_lost)
        return [managed.identity for managed in learned if not managed.exit]

    async def adopt(self, instances: list[tuple[Launch, Identity]]) -> list[Exit]:
        """Take back instances that an earlier keeper started; return those that are gone meanwhile."""
        self._may_have_orphans = True
        alive = {identity.instance: _is_alive(identity) for _, identity in instances}
        described = await self._link.ask("adopt", instances=[_adoption(*pair, alive=alive) for pair in instances])
        ends = []
        for each in described:
            managed = self._learn(each, report=False)
            if managed.exit and not managed.is_notified:
                managed.is_notified = True
                self._link.send("told", instance=managed.instance, pid=managed.pid)
                if not alive[managed.instance]:
                    managed.ticks = _NOBODY  # whoever has this number now is somebody else
                await self._sweep(managed)
                ends.append(managed.exit)
        return ends

    async def start(self, launch: Launch) -> Identity:
        """Start an instance; DevctlError says why it could not be."""
        if self._may_have_orphans:
            await self._sweep_orphans(launch)
        try:
            described = await self._link.ask("start", **_order(launch), environment=launch.environment,
                                             argv=list(launch.argv), working_dir=launch.working_dir,
                                             open_files=open_files.STARTED_WITH)  # fmt: skip
        except BackendLost:
            raise
        except DevctlError as error:
            raise explain(error, launch, self._paths.folder) from error
        return self._learn(described).identity

    async def signal(self, instance: str, number: int) -> None:
        """Send a signal to every process of the instance; nothing happens when it is gone."""
        for entry in await self._scan.members(instance):
            processes.send(entry, number)

    async def members(self, instance: str) -> list[int]:
        """Return the numbers of the living processes of the instance, in their order."""
        return sorted(entry.pid for entry in await self._scan.members(instance))

    async def pause(self, instance: str) -> None:
        """Hold every process of the instance, also those that others of it start meanwhile."""
        held: set[processes.ProcessEntry] = set()
        while fresh := [entry for entry in await self._scan.members(instance) if entry not in held]:
            held.update(fresh)
            for entry in fresh:
                processes.send(entry, signal.SIGSTOP)

    async def resume(self, instance: str) -> None:
        """Let every process of the instance go on."""
        await self.signal(instance, signal.SIGCONT)

    async def stop(self, instance: str, signal: int, grace_seconds: float) -> Stopped:
        """Ask, wait, insist: return when no process of the instance is left."""
        managed = self._managed.get(instance)
        if managed is None:
            return Stopped(instance, None)
        managed.is_stopping = True
        try:
            killed = await terminate_tree(self._scan, managed, signal, grace_seconds)
            await self._learn_code(managed)
        finally:
            managed.is_stopping = False
        self._report(managed)
        return Stopped(instance, managed.exit.code if managed.exit else None, tuple(killed))

    async def save(self, snapshot: bytes) -> None:
        """Keep the supervisor's last snapshot in the keeper's memory."""
        await self._link.ask("save", body=snapshot)

    async def saved(self) -> bytes:
        """Return what `save` last kept."""
        return await self._link.ask_bytes("saved")

    async def hand_over(self, instance: str, ports: list[int], closed: list[int], path: str) -> list[int]:
        """Have the keeper close some ports of an instance, bind others, and hand their sockets to its Unix socket at
        `path`; return those that it took. DevctlError names one that cannot be bound."""
        answer = await self._link.ask("hand_over", instance=instance, ports=ports, closed=closed, socket=path)
        if answer["problem"] and not answer["handed"]:
            raise DevctlError(answer["problem"])
        return [int(port) for port in answer["handed"]]

    async def release(self, instances: Iterable[str]) -> None:
        """Forget ended instances: the keeper closes their FIFO and their inherited ports."""
        names = list(instances)
        await self._link.ask("release", instances=names)
        for name in names:
            self._managed.pop(name, None)
            self._close_fifo(name)

    async def close(self, *, end: bool) -> None:
        """Disconnect; with `end` also end the keeper, which must be empty by then."""
        self._is_closing = True
        self._tasks.cancel()
        if self._live_link:
            if end and self._live_link.is_open:
                await self._live_link.ask("end")
                self._managed.clear()
            await self._live_link.close()
        for instance in list(self._fifos):
            self._close_fifo(instance)
        if end:
            await self._starter.wait()

    @property
    def _link(self) -> KeeperLink:
        if not self._live_link:
            raise BackendLost("there is no keeper yet", next="connect first")
        return self._live_link

    # What the keeper reports

    def _learn(self, described: dict[str, Any], *, report: bool = True) -> ManagedProcess:
        managed = self._managed.get(described["instance"])
        if managed is None or managed.pid != described["pid"]:
            described["ticks"] = described["ticks"] or start_ticks(described["pid"])
            names = ("instance", "pid", "ticks", "started_ns", "tag")
            managed = self._managed[described["instance"]] = ManagedProcess(**{name: described[name] for name in names})
            self._hold_fifo(managed.instance)
        managed.is_notified = managed.is_notified or described["told"]
        if described["ended_ns"] and not managed.exit:
            managed.exit = Exit(managed.instance, managed.pid, described["code"], described["ended_ns"])
            managed.ended.set()
            if report and not managed.is_notified:
                self._tasks.start(self._sweep_and_report(managed))
        return managed

    def _hold_fifo(self, instance: str) -> None:
        """Hold the output open, too: when the keeper is killed and then the instance ends, its last lines stay."""
        self._close_fifo(instance)
        with contextlib.suppress(OSError):
            path = self._paths.runtime / start.FIFO_FOLDER / instance
            self._fifos[instance] = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)

    def _close_fifo(self, instance: str) -> None:
        fifo = self._fifos.pop(instance, None)
        if fifo is not None:
            os.close(fifo)

    def _on_event(self, event: wire.Message) -> None:
        if event["event"] == "exit":
            self._learn(event)

    def _on_keeper_lost(self) -> None:
        self._may_have_orphans = True
        if not self._is_closing:
            self._on_lost()

    def _report(self, managed: ManagedProcess) -> None:
        if managed.exit and not managed.is_notified:
            managed.is_notified = True
            self._on_exit(managed.exit)
            self._link.send("told", instance=managed.instance, pid=managed.pid)

    async def _sweep_and_report(self, managed: ManagedProcess) -> None:
        if not managed.is_stopping:  # else the stop sweeps and reports
            await self._sweep(managed)
            self._report(managed)

    async def _sweep(self, managed: ManagedProcess) -> None:
        """Kill what an ended instance left behind, so that its successor finds its ports free, and count it."""
        with contextlib.suppress(DevctlError):
            left = [entry for entry in await self._scan.members(managed.instance) if entry.pid != managed.pid]
            await terminate_tree(self._scan, managed, signal.SIGKILL, 0)
            if managed.exit:
                managed.exit = replace(managed.exit, left_behind=len(left))

    async def _sweep_orphans(self, launch: Launch) -> None:
        """Kill what a start whose answer was lost left running, so that there are no two of one instance."""
        managed = self._managed.get(launch.instance)
        if managed is None or managed.exit:
            orphan = ManagedProcess(launch.instance, _NOBODY, _NOBODY, 0, processes.tag(launch))
            self._managed[launch.instance] = orphan
            try:
                await terminate_tree(self._scan, orphan, signal.SIGKILL, 0)
            finally:
                del self._managed[launch.instance]
                if managed:
                    self._managed[launch.instance] = managed

    async def _learn_code(self, managed: ManagedProcess) -> None:
        """Wait a moment for the keeper's report of the exit."""
        if self._link.is_open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(managed.ended.wait(), _CODE_SECONDS)


def _order(launch: Launch) -> dict[str, Any]:
    """Return what the keeper must know to capture an instance, whether it starts it or takes it back."""
    return {
        "instance": launch.instance,
        "tag": processes.tag(launch),
        "log_folder": launch.log_folder,
        "log_bytes": launch.log_bytes,
        "inherited": list(launch.inherited.values()),
        "handed": list(launch.handed),
    }


def _adoption(launch: Launch, identity: Identity, *, alive: dict[str, bool]) -> dict[str, Any]:
    return {
        **_order(launch),
        "pid": identity.pid,
        "ticks": identity.start_ticks,
        "started_ns": identity.started_ns,
        "alive": alive[identity.instance],
    }


def _is_alive(identity: Identity) -> bool:
    if identity.boot and identity.boot != boot_id():
        return False
    return start_ticks(identity.pid) == identity.start_ticks != 0
