"""Runs instances as native processes held by the keeper: start, signal, stop to the last descendant.

It never decides whether to restart; whatever an ended instance leaves behind is swept before its end is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

from devctl.core.launch import Launch
from devctl.errors import DevctlError, EnvironmentProblem
from devctl.keeper import start, system, wire
from devctl.paths import StackPaths
from devctl.runners import processes
from devctl.runners.base import Exit, HolderLost, Identity, Stopped
from devctl.runners.keeper import KeeperLink, Starter, connect
from devctl.runners.managed import Held
from devctl.runners.processes import Leader, Table
from devctl.runners.scan import Looks
from devctl.runners.terminate import empty
from devctl.tasks import BackgroundTasks

_CODE_SECONDS = 1.0
_NEVER = -1


class ProcessRunner:
    """Implements `runners.base.Runner` for native processes."""

    def __init__(self, paths: StackPaths) -> None:
        self._paths = paths
        table = Table(str(paths.runtime / start.FIFO_FOLDER))
        self._looks = Looks(table, self._leaders, lambda: self.keeper_pid)
        self._held: dict[str, Held] = {}
        self._tasks = BackgroundTasks()
        self._on_exit: Callable[[Exit], None] = lambda _: None
        self._on_lost: Callable[[], None] = lambda: None
        self._is_closing = False
        self._starter = Starter(paths.runtime)
        self._live_link: KeeperLink | None = None
        self._fifos: dict[str, int] = {}
        self._may_have_strays = False  # a keeper was killed, perhaps between a start and its answer
        self.keeper_pid = 0

    async def connect(self, on_exit: Callable[[Exit], None], on_lost: Callable[[], None]) -> list[Identity]:
        """Find or start the keeper; return what lives. Ends nobody was told of are reported right afterwards."""
        self._on_exit, self._on_lost = on_exit, on_lost
        system.raise_file_limit()
        if self._live_link:
            await self._live_link.close()
        self._live_link, hello = await connect(self._starter, self._heard)
        if hello["version"] != wire.VERSION:
            raise EnvironmentProblem(
                f"the keeper (process {hello['pid']}) belongs to another version of devctl",
                next="run `down` with the devctl that started this stack",
            )
        self.keeper_pid = hello["pid"]
        known = [self._learn(described) for described in hello["instances"]]
        self._link.report_loss(self._lost)
        return [held.identity for held in known if not held.exit]

    async def adopt(self, known: list[tuple[Launch, Identity]]) -> list[Exit]:
        """Take back instances that an earlier keeper started; return those that are gone meanwhile."""
        self._may_have_strays = True
        alive = {identity.instance: _is_alive(identity) for _, identity in known}
        described = await self._link.ask("adopt", instances=[_adoption(*pair, alive=alive) for pair in known])
        ends = []
        for each in described:
            held = self._learn(each, tell=False)
            if held.exit and not held.is_told:
                held.is_told = True
                self._link.tell("told", instance=held.instance, pid=held.pid)
                if not alive[held.instance]:
                    held.ticks = _NEVER  # whoever has this number now is somebody else
                await self._sweep(held)
                ends.append(held.exit)
        return ends

    async def start(self, launch: Launch) -> Identity:
        """Start an instance; DevctlError says why it could not be."""
        if self._may_have_strays:
            await self._sweep_strays(launch)
        try:
            described = await self._link.ask("start", **_order(launch), environment=launch.environment,
                                             argv=list(launch.argv), working_dir=launch.working_dir)  # fmt: skip
        except HolderLost:
            raise
        except DevctlError as error:
            raise DevctlError(
                f"{launch.instance} cannot be started: {error.what}",
                where=error.where or launch.argv[0],
                next="see its command and working_dir in the manifest",
            ) from error
        return self._learn(described).identity

    async def signal(self, instance: str, number: int) -> None:
        """Send a signal to every process of the instance; nothing happens when it is gone."""
        for row in await self._looks.members(instance):
            processes.send(row, number)

    async def stop(self, instance: str, signal: int, grace_seconds: float) -> Stopped:
        """Ask, wait, insist: return when no process of the instance is left."""
        held = self._held.get(instance)
        if held is None:
            return Stopped(instance, None)
        held.is_stopping = True
        try:
            killed = await empty(self._looks, held, signal, grace_seconds)
            await self._learn_code(held)
        finally:
            held.is_stopping = False
        self._tell(held)
        return Stopped(instance, held.exit.code if held.exit else None, tuple(killed))

    async def save(self, snapshot: bytes) -> None:
        """Keep the supervisor's last snapshot in the keeper's memory."""
        await self._link.ask("save", body=snapshot)

    async def saved(self) -> bytes:
        """Return what `save` last kept."""
        return await self._link.ask_bytes("saved")

    async def release(self, instances: Iterable[str]) -> None:
        """Forget ended instances: the keeper gives their FIFO and their inherited ports back."""
        names = list(instances)
        await self._link.ask("release", instances=names)
        for name in names:
            self._held.pop(name, None)
            self._let_go(name)

    async def close(self, *, end: bool) -> None:
        """Let go; with `end` also end the keeper, which must be empty by then."""
        self._is_closing = True
        self._tasks.cancel()
        if self._live_link:
            if end and self._live_link.is_open:
                await self._live_link.ask("end")
                self._held.clear()
            await self._live_link.close()
        for instance in list(self._fifos):
            self._let_go(instance)
        if end:
            await self._starter.wait()

    @property
    def _link(self) -> KeeperLink:
        if not self._live_link:
            raise HolderLost("there is no keeper yet", next="connect first")
        return self._live_link

    # What the keeper tells

    def _learn(self, described: dict[str, Any], *, tell: bool = True) -> Held:
        held = self._held.get(described["instance"])
        if held is None or held.pid != described["pid"]:
            described["ticks"] = described["ticks"] or processes.ticks_of(described["pid"])
            names = ("instance", "pid", "ticks", "started_ns", "tag")
            held = self._held[described["instance"]] = Held(**{name: described[name] for name in names})
            self._hold_fifo(held.instance)
        held.is_told = held.is_told or described["told"]
        if described["ended_ns"] and not held.exit:
            held.exit = Exit(held.instance, held.pid, described["code"], described["ended_ns"])
            held.ended.set()
            if tell and not held.is_told:
                self._tasks.start(self._sweep_and_tell(held))
        return held

    def _hold_fifo(self, instance: str) -> None:
        """Hold the output open, too: when the keeper is killed and then the instance ends, its last words stay."""
        self._let_go(instance)
        with contextlib.suppress(OSError):
            path = self._paths.runtime / start.FIFO_FOLDER / instance
            self._fifos[instance] = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)

    def _let_go(self, instance: str) -> None:
        fifo = self._fifos.pop(instance, None)
        if fifo is not None:
            os.close(fifo)

    def _heard(self, event: wire.Message) -> None:
        if event["event"] == "exit":
            self._learn(event)

    def _lost(self) -> None:
        self._may_have_strays = True
        if not self._is_closing:
            self._on_lost()

    def _tell(self, held: Held) -> None:
        if held.exit and not held.is_told:
            held.is_told = True
            self._on_exit(held.exit)
            self._link.tell("told", instance=held.instance, pid=held.pid)

    async def _sweep_and_tell(self, held: Held) -> None:
        if not held.is_stopping:  # else the stop sweeps and tells
            await self._sweep(held)
            self._tell(held)

    async def _sweep(self, held: Held) -> None:
        """Kill what an ended instance left behind, so that its successor finds its ports free."""
        with contextlib.suppress(DevctlError):
            await empty(self._looks, held, signal.SIGKILL, 0)

    async def _sweep_strays(self, launch: Launch) -> None:
        """Kill what a start whose answer was lost left running, so that there are no two of one instance."""
        held = self._held.get(launch.instance)
        if held is None or held.exit:
            stray = Held(launch.instance, _NEVER, _NEVER, 0, _tag(launch))
            self._held[launch.instance] = stray
            try:
                await empty(self._looks, stray, signal.SIGKILL, 0)
            finally:
                del self._held[launch.instance]
                if held:
                    self._held[launch.instance] = held

    def _leaders(self) -> dict[str, Leader]:
        return {name: held.leader for name, held in self._held.items()}

    async def _learn_code(self, held: Held) -> None:
        """Give the keeper's word on the exit a moment to arrive."""
        if self._link.is_open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(held.ended.wait(), _CODE_SECONDS)


def _tag(launch: Launch) -> str:
    return f"{launch.run}/{launch.instance}"


def _order(launch: Launch) -> dict[str, Any]:
    """What the keeper must know to capture an instance, whether it starts it or takes it back."""
    return {
        "instance": launch.instance,
        "tag": _tag(launch),
        "log_folder": launch.log_folder,
        "log_bytes": launch.log_bytes,
        "inherited": list(launch.inherited.values()),
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
    if identity.boot and identity.boot != system.boot_id():
        return False
    return processes.ticks_of(identity.pid) == identity.start_ticks != 0
