"""The supervisor's process: wires loop, stack, runners and server together, and ends when nothing is left to do."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from pathlib import Path

from devctl.clock import SystemClock, rfc3339
from devctl.core.events import FilesChanged, FilesWatched, Notice
from devctl.core.status import Kind
from devctl.errors import DevctlError, ExitCode
from devctl.machine import boot
from devctl.machine.process import is_alive
from devctl.masking import mask_text
from devctl.paths import StackPaths
from devctl.runners.container import ContainerRunner
from devctl.runners.process import ProcessRunner
from devctl.supervisor import own_log
from devctl.supervisor.calls import ChangingCalls
from devctl.supervisor.fetch import Item
from devctl.supervisor.instance_calls import InstanceCalls
from devctl.supervisor.keeper_watch import KeeperWatch
from devctl.supervisor.listeners import Change
from devctl.supervisor.loop import Decision, Loop
from devctl.supervisor.one_off import OneOffs
from devctl.supervisor.reading import ReadingCalls
from devctl.supervisor.server import Server
from devctl.supervisor.stack import Stack
from devctl.supervisor.subscription import Subscriptions
from devctl.supervisor.telemetry import Telemetry
from devctl.supervisor.watch import ChangedFiles, FileWatch
from devctl.supervisor.whereabouts import Superseded, Whereabouts

IDLE_SECONDS = 10.0
"""How long a supervisor without a run waits for somebody who begins one."""

_RECHECK_SECONDS = 0.02  # before an idle supervisor ends, so that who is connected already is accepted
_GUARD_SECONDS = 2.0  # between checks that lock and sockets are still where others look for them
_KEEPER_ENDS_TRIES, _KEEPER_ENDS_SECONDS = 1000, 0.002  # a keeper that holds nothing ends at once; two seconds are many


class SupervisorProcess:
    """Everything of one supervisor, wired. `keeper` is the pid of one that was started for it already, 0 for none."""

    def __init__(self, paths: StackPaths, lock: int, keeper: int = 0) -> None:
        self._whereabouts = Whereabouts(paths, lock)
        self._paths = paths = self._whereabouts.paths
        self._successor: StackPaths | None = None
        self._loop = Loop(SystemClock())
        self._runner = ProcessRunner(paths, self._whereabouts.on_keeper, keeper)
        self._containers = ContainerRunner(paths, lambda *change: self._stack.instances.note_pause(*change))
        self._subscriptions = Subscriptions(self._loop)
        self._stack = Stack(
            paths,
            self._loop,
            {Kind.PROCESS: self._runner, Kind.CONTAINER: self._containers},
            self._runner,
            boot=boot.boot_id(),
            on_progress=self._on_progress,
            hand_over=self._runner.hand_over,
        )
        self._files = FileWatch(self._restart_changed)
        self._telemetry = Telemetry(self._loop)
        reading = ReadingCalls(
            self._stack, self._subscriptions, self._keeper_pid, self._whereabouts.folder, self._containers.measure
        )
        keeper_watch = KeeperWatch(self._keeper_pid)
        instances = InstanceCalls(self._stack, OneOffs(self._stack, self._containers), keeper_watch)
        changing = ChangingCalls(
            self._stack,
            self._subscriptions,
            watch_files=self._watch_files,
            on_started=self._telemetry.send_start,
            clean_up=self._clean_up,
            keeper=keeper_watch,
        )
        self._server = Server({**reading.table(), **changing.table(), **instances.table()})
        self._over = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self) -> int:
        """Listen, take back what an earlier supervisor left, and work until the end."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._over.set)
        self._whereabouts.begin()
        await self._stack.open()
        deciding = loop.create_task(self._loop.run())
        deciding.add_done_callback(self._on_loop_ended)
        await self._loop.ask(lambda: Decision((), None))  # whoever asks first is told what was taken back
        self._begin_logging()
        await self._server.listen(self._paths.socket)
        self._telemetry.begin()
        guarding = loop.create_task(self._guard())
        loop.call_later(IDLE_SECONDS, self._end_if_idle)
        gc.freeze()
        await self._over.wait()
        guarding.cancel()
        await self._end()
        if self._successor:
            self._whereabouts.hand_over(self._successor)
        return ExitCode.BUG if self._failure else ExitCode.OK

    def _begin_logging(self) -> None:
        """Have notices and errors written into the run's folder, and its files watched if they were before."""
        if self._stack.run:
            own_log.write_into(self._stack.run.folder)
            self._whereabouts.register()
        else:
            self._loop.listeners.add(self._on_first_run)
        self._loop.listeners.add(self._log_notices)
        if self._loop.state.watches:
            self._watch_files()
        self._server.on_idle = self._end_if_idle

    async def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._whereabouts.follow_folder()
        if not self._stack.is_over.is_set():
            await self._leave()
        self._files.end()
        self._telemetry.end()
        await self._server.close()

    def _keeper_pid(self) -> int:
        return self._runner.keeper_pid if self._runner.keeper_pid and is_alive(self._runner.keeper_pid) else 0

    def _on_progress(self, item: Item) -> None:
        self._subscriptions.on_progress(item)

    # The supervisor's log

    def _log_notices(self, change: Change) -> None:
        """Write what a person should know into the supervisor's log."""
        for event in change.events:
            if isinstance(event, Notice):
                print(rfc3339(event.at_ns), mask_text(event.text), file=sys.stderr, flush=True)

    def _on_first_run(self, _: Change) -> None:
        """Write errors into the run's folder as soon as there is one."""
        if self._stack.run:
            self._loop.listeners.remove(self._on_first_run)
            own_log.write_into(self._stack.run.folder)
            self._whereabouts.register()

    # When it ends

    def _on_loop_ended(self, task: asyncio.Task[None]) -> None:
        """End when the loop ends: without it nothing is decided; the next command starts another supervisor."""
        if not task.cancelled():
            self._failure = task.exception()
            if self._failure:
                import traceback

                traceback.print_exception(self._failure)
        self._over.set()

    async def _guard(self) -> None:
        """Notice when lock or sockets are no longer where others look for them: there could be two supervisors."""
        while not self._successor:
            await asyncio.sleep(_GUARD_SECONDS)
            if self._server.accepted:
                self._end_if_idle()
            if not self._stack.is_over.is_set():
                with contextlib.suppress(DevctlError, OSError):  # a disk that refuses: the next look may do better
                    await self._look_after_places()
        self._over.set()

    async def _look_after_places(self) -> None:
        try:
            self._successor = self._whereabouts.look()
        except Superseded:
            print("another supervisor has taken over; this one ends", file=sys.stderr, flush=True)
            os._exit(ExitCode.OK)
        if not self._successor and not self._server.is_in_place():
            print("the runtime folder was removed from outside", file=sys.stderr, flush=True)
            self._successor = self._whereabouts.mend_runtime()
            if not self._successor:
                await self._server.listen(self._paths.socket)
        if self._successor:
            print(f"the stack is now in {self._successor.folder}, its sockets in {self._successor.runtime}",
                  file=sys.stderr, flush=True)  # fmt: skip

    def _end_if_idle(self) -> None:
        """End a supervisor that nobody talks to and that has nothing to watch over, soon.

        Not at once: somebody may be connected already and only not accepted yet.
        """
        if self._is_idle():
            asyncio.get_running_loop().call_later(_RECHECK_SECONDS, self._end_if_still_idle)

    def _end_if_still_idle(self) -> None:
        if self._is_idle():
            self._server.refuse()  # or an apply would begin with a supervisor that is on its way out
            self._over.set()

    def _is_idle(self) -> bool:
        return self._stack.run is None and not self._server.connections

    async def _leave(self) -> None:
        """Let go: of a stack that goes on without a supervisor, or of nothing at all."""
        if self._stack.run is None:
            await self._end_backends()
            self._whereabouts.leave()
        else:
            print(f"supervisor {os.getpid()} was told to end; the services go on", file=sys.stderr, flush=True)
            await self._stack.close(end=False)

    async def _end_backends(self) -> None:
        """Let go of everything and wait for the keeper's end: what it removes then might be its successor's."""
        await self._stack.close(end=True)
        keeper = self._runner.keeper_pid
        for _ in range(_KEEPER_ENDS_TRIES):
            if not keeper or not is_alive(keeper):
                break
            await asyncio.sleep(_KEEPER_ENDS_SECONDS)

    async def _clean_up(self) -> None:
        """Leave nothing behind; called when all is stopped, before `down` is answered."""
        await self._end_backends()
        self._whereabouts.leave()
        asyncio.get_running_loop().call_soon(self._over.set)

    # Watched files

    def _watch_files(self) -> None:
        if not self._loop.state.watches:
            self._loop.post(FilesWatched())
        self._files.begin(self._loop.spec.services)

    def _shown(self, path: str) -> str:
        return os.path.relpath(path, self._paths.folder)

    async def _restart_changed(self, changed: ChangedFiles) -> None:
        """Restart the services whose files changed, those that are up."""
        for name, path in changed.paths.items():
            self._loop.post(FilesChanged(name, path))
            service_state = self._loop.state.services.get(name)
            if service_state and service_state.desired_up:
                self._loop.post(Notice(f"{self._shown(path)} changed: {name} is restarted", name))
                cause = f"{Path(path).name} changed"
                with contextlib.suppress(DevctlError):  # the stack is being taken down meanwhile
                    await self._stack.restart((name,), with_dependents=name in changed.with_dependents, cause=cause)
