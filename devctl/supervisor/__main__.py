"""The supervisor's process: wires loop, stack, runners and server together, and ends when nothing is left to do.

Started by the session's client as `python -m devctl.supervisor.__main__ --folder F --project P --lock FD`, with the
locked descriptor of the runtime folder's lock.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

from devctl.clock import SystemClock, rfc3339
from devctl.core.events import FilesChanged, FilesWatched, Noticed
from devctl.core.status import Kind
from devctl.paths import StackPaths
from devctl.runners.process import ProcessRunner
from devctl.session.client import boot_id, is_alive, take_lock
from devctl.supervisor.calls import Calls
from devctl.supervisor.loop import Change, Loop
from devctl.supervisor.server import Server
from devctl.supervisor.stack import Stack
from devctl.supervisor.stop import leave_runtime
from devctl.supervisor.telemetry import Telemetry
from devctl.supervisor.watch import FileWatch, Hit

_SECOND_LOOK_SECONDS = 0.02
IDLE_SECONDS = 10.0
"""How long a supervisor without a run waits for somebody who begins one."""

_GUARD_SECONDS = 2.0
_KEEPER_ENDS_LOOKS, _LOOK_SECONDS = 1000, 0.002


def main(arguments: list[str] | None = None) -> int:
    """Run until the stack is down; return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    asked = dict(zip(words[::2], words[1::2], strict=True))  # argparse alone would cost a tenth of the start
    lock = int(asked["--lock"])
    os.set_inheritable(lock, False)
    os.chdir("/")  # whatever folder the command ran in may go
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux" and sys.version_info < (3, 12):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())  # no thread per child
    return asyncio.run(Process(StackPaths(Path(asked["--folder"]), asked["--project"]), lock).run())


class Process:
    """Everything of one supervisor, wired."""

    def __init__(self, paths: StackPaths, lock: int) -> None:
        self._paths = paths
        self._lock = lock
        self._loop = Loop(SystemClock())
        self._runner = ProcessRunner(paths)
        self._calls: Calls | None = None
        self._stack = Stack(
            paths, self._loop, {Kind.PROCESS: self._runner}, SystemClock(), boot=boot_id(), on_progress=self._progress
        )
        self._files = FileWatch(self._restart_changed)
        self._telemetry = Telemetry(self._loop)
        self._calls = Calls(
            self._stack,
            self._keeper_pid,
            watch_files=self._watch_files,
            started=self._telemetry.send_start,
        )
        self._server = Server(self._calls.table())
        self._over = asyncio.Event()
        self._failed: BaseException | None = None

    async def run(self) -> int:
        """Listen, take back what an earlier supervisor left, and work until the end."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._over.set)
        (self._paths.runtime / "boot").write_text(boot_id())
        await self._stack.open()
        deciding = loop.create_task(self._loop.run())
        deciding.add_done_callback(self._loop_ended)
        await self._loop.ask(lambda: [])  # whoever asks first sees what was found
        if self._stack.run:
            self._log_to_run()
        if self._loop.state.watches:
            self._watch_files()
        self._loop.listeners += [self._run_began, self._note]
        assert self._calls is not None
        self._calls.when_down(self._clean_up)
        self._server.on_idle = self._end_if_idle
        await self._server.listen(self._paths.socket)
        self._telemetry.begin()
        guarding = loop.create_task(self._guard_lock())
        loop.call_later(IDLE_SECONDS, self._end_if_idle)
        gc.freeze()
        await self._over.wait()
        guarding.cancel()
        if not self._stack.is_over.is_set():
            await self._leave()
        self._files.end()
        self._telemetry.end()
        await self._server.close()
        return 4 if self._failed else 0

    def _keeper_pid(self) -> int:
        return self._runner.keeper_pid if self._runner.keeper_pid and is_alive(self._runner.keeper_pid) else 0

    def _progress(self, item: dict[str, Any]) -> None:
        if self._calls:
            self._calls.progress(item)

    def _note(self, change: Change) -> None:
        """Write what a person should know into the supervisor's log."""
        for event in change.events:
            if isinstance(event, Noticed):
                print(rfc3339(event.at_ns), event.text, file=sys.stderr, flush=True)

    def _run_began(self, _: Change) -> None:
        """Write errors into the run's folder as soon as there is one."""
        if self._stack.run:
            self._loop.listeners.remove(self._run_began)
            self._log_to_run()

    def _log_to_run(self) -> None:
        assert self._stack.run is not None
        path = self._stack.run.folder / "supervisor.log"
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        """End when the loop ends: without it nothing is decided; the next command starts another supervisor."""
        if not task.cancelled():
            self._failed = task.exception()
            if self._failed:
                import traceback

                traceback.print_exception(self._failed)
        self._over.set()

    async def _guard_lock(self) -> None:
        """Notice when somebody removes the runtime folder: without its lock there could be two supervisors."""
        while True:
            await asyncio.sleep(_GUARD_SECONDS)
            if self._server.seen:
                self._end_if_idle()
            if self._stack.is_over.is_set() or _is_mine(self._lock, self._paths.lock):
                continue
            print("the runtime folder was removed from outside", file=sys.stderr, flush=True)
            lock = take_lock(self._paths)
            if lock is None:
                print("another supervisor has taken over; this one ends", file=sys.stderr, flush=True)
                os._exit(0)
            self._lock = lock
            (self._paths.runtime / "boot").write_text(boot_id())
            await self._server.listen(self._paths.socket)

    def _end_if_idle(self) -> None:
        """End a supervisor that nobody talks to and that has nothing to watch over, soon.

        Not at once: somebody may be connected already and only not accepted yet.
        """
        if self._is_idle():
            asyncio.get_running_loop().call_later(_SECOND_LOOK_SECONDS, self._end_if_still_idle)

    def _end_if_still_idle(self) -> None:
        if self._is_idle():
            self._server.refuse()  # or an apply would begin with a supervisor that is on its way out
            self._over.set()

    def _is_idle(self) -> bool:
        return self._stack.run is None and not self._server.connections

    def _watch_files(self) -> None:
        if not self._loop.state.watches:
            self._loop.post(FilesWatched())
        self._files.begin(self._loop.spec.services)

    async def _restart_changed(self, found: Hit) -> None:
        """Restart the services whose files changed, those that are up."""
        for name, path in found.paths.items():
            self._loop.post(FilesChanged(name, path))
            known = self._loop.state.services.get(name)
            if known and known.up:
                cause = f"{Path(path).name} changed"
                await self._stack.restart((name,), with_dependents=name in found.with_dependents, cause=cause)

    async def _leave(self) -> None:
        """Let go: of a stack that goes on without a supervisor, or of nothing at all."""
        if self._stack.run is None:
            await self._end_holders()
            leave_runtime(self._paths)
        else:
            print(f"supervisor {os.getpid()} was told to end; the services go on", file=sys.stderr, flush=True)
            await self._stack.close(end=False)

    async def _end_holders(self) -> None:
        """Let go of everything and wait for the keeper's end: what it removes then might be its successor's."""
        await self._stack.close(end=True)
        keeper = self._runner.keeper_pid
        for _ in range(_KEEPER_ENDS_LOOKS):
            if not keeper or not is_alive(keeper):
                break
            await asyncio.sleep(_LOOK_SECONDS)

    async def _clean_up(self) -> None:
        """Leave nothing behind; called when all is stopped, before `down` is answered."""
        await self._end_holders()
        leave_runtime(self._paths)
        asyncio.get_running_loop().call_soon(self._over.set)


def _is_mine(lock: int, path: Path) -> bool:
    """Tell whether the file at `path` is the one that `lock` holds."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except OSError:
        return False


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # what the interpreter would tidy up goes with the process, and somebody waits for its end
