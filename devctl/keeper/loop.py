"""The keeper's one loop: output, ends of processes, and requests of its client, in one thread.

It decides nothing: it starts what it is told to, keeps what it hears, and goes on when nobody listens.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time

from devctl.keeper import spawn, start, system, wire
from devctl.keeper.capture import Capture, Instance
from devctl.keeper.clients import Clients, Refusal
from devctl.keeper.ports import Ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAP_SECONDS = 0.001  # while somebody writes fast: fewer, larger moves
_CARE_SECONDS = 0.5
_SHAKEN_SECONDS = 0.05


class Keeper:
    """Everything the keeper holds, and the loop."""

    def __init__(self, runtime: str, listener: socket.socket) -> None:
        self.runtime = runtime
        self.instances: dict[str, Instance] = {}
        self.snapshot = b""
        self._by_pid: dict[int, Instance] = {}
        self._ports = Ports()
        self._selector = selectors.DefaultSelector()
        self._clients = Clients(listener, self._selector, self._do)
        self._is_chatty = False
        self._shall_end = False
        self._watch_children()

    def run(self) -> None:
        """Go on until told to end while holding nothing."""
        while not (self._shall_end and all(instance.ended_ns for instance in self.instances.values())):
            for key, events in self._selector.select(self._pause()):
                _guarded(key.data, events)
            if self._is_chatty:
                self._is_chatty = False
                time.sleep(_NAP_SECONDS)
            self._look_after()
        self._leave()

    # The loop's ears

    def _watch(self, fd: int, call: Callable[[int], None]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, call)

    def _watch_children(self) -> None:
        ear, mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else _pipe()
        signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._asked_to_end)
        for ignored in (signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)

        def hear(_: int) -> None:
            with contextlib.suppress(BlockingIOError):
                os.read(ear, 1 << 16)
            self._reap()

        self._watch(ear, hear)

    def _asked_to_end(self, *_: object) -> None:
        self._shall_end = True

    def _pause(self) -> float | None:
        needs_care = any(instance.capture.log.lost or instance.is_polled for instance in self.instances.values())
        return _CARE_SECONDS if needs_care else None

    def _look_after(self) -> None:
        """Do what no descriptor calls for: logs that wait for room, processes that cannot be waited for."""
        for instance in list(self.instances.values()):
            if instance.capture.log.lost:
                instance.capture.log.retry()
            if instance.is_polled and not _is_alive(instance.pid):
                instance.is_polled = False
                self._ended(instance, None)

    # Processes

    def _reap(self) -> None:
        """Take every ended child, also orphans that came to us and that nobody knows."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            instance = self._by_pid.pop(pid, None)
            if instance:
                self._ended(instance, os.waitstatus_to_exitcode(status))

    def _ended(self, instance: Instance, code: int | None) -> None:
        instance.end(code)
        self._clients.notify({"event": "exit", **instance.describe()})

    def _output(self, instance: Instance) -> Callable[[int], None]:
        def move(_: int) -> None:
            if instance.capture.move():
                self._is_chatty = True

        return move

    def _hold(self, instance: Instance) -> None:
        self.instances[instance.id] = instance
        self._watch(instance.capture.pipe, self._output(instance))

    def _drop(self, instance: Instance) -> None:
        self._selector.unregister(instance.capture.pipe)
        instance.capture.close()
        del self.instances[instance.id]

    # Requests

    def _do(self, message: wire.Message, body: bytes) -> Any:
        match message.get("op"):
            case "hello":
                return self._hello()
            case "start":
                return self._start(message)
            case "adopt":
                return [self._adopt(each) for each in message["instances"]]
            case "hand_over":
                self._ports.close(message["instance"], message.get("closed", ()))
                return self._ports.hand_over(message["instance"], message["ports"], message["socket"])
            case "told":
                return self._told(message)
            case "release":
                return self._release(message["instances"])
            case "save":
                self.snapshot = body
                return None
            case "saved":
                return self.snapshot
            case "end":
                return self._end()
            case other:
                raise Refusal(f"the keeper knows no {other!r}")

    def _hello(self) -> dict[str, Any]:
        instances = [instance.describe() for instance in self.instances.values()]
        return {"version": wire.VERSION, "pid": os.getpid(), "instances": instances}

    def _start(self, message: wire.Message) -> dict[str, object]:
        name = message["instance"]
        before = self.instances.get(name)
        if before and not before.ended_ns:
            self._reap()  # it may have ended while this process was stopped, and nobody has looked yet
        if before and not before.ended_ns:
            raise Refusal(f"{name} runs already as process {before.pid}")
        capture = self._capture(message, before)
        try:
            sockets = [self._ports.descriptor(name, port) for port in message.get("inherited", ())]
            started_ns = time.time_ns()
            environment = {**message["environment"], "DEVCTL_INSTANCE": message["tag"]}
            with system.soft_file_limit(message["open_files"]):
                pid = spawn.spawn(message["argv"], environment, message["working_dir"], capture.fifo, sockets)
        except BaseException:
            if not before or before.capture is not capture:
                capture.close()
            raise
        if before and before.capture is capture:
            self._selector.unregister(capture.pipe)
        instance = Instance(name, message["tag"], pid, system.start_ticks(pid), started_ns, capture)
        self._hold(instance)
        self._by_pid[pid] = instance
        return instance.describe()

    def _capture(self, message: wire.Message, before: Instance | None, writer: int = 0) -> Capture:
        if before and before.capture.serves(message["log_folder"]):
            before.capture.finish()
            return before.capture
        if before:
            self._drop(before)
        fifo = os.path.join(self.runtime, start.FIFO_FOLDER, message["instance"])
        return Capture(fifo, message["log_folder"], message["log_bytes"], writer)

    def _adopt(self, message: wire.Message) -> dict[str, object]:
        """Take back an instance that an earlier keeper started; one that is gone is reported as ended."""
        name, pid, ticks = message["instance"], message["pid"], message["ticks"]
        if held := self.instances.get(name):
            return held.describe()
        process = system.open_process(pid)
        is_alive = message["alive"] and (system.is_same(pid, ticks) if system.LINUX else _is_alive(pid))
        capture = self._capture(message, None, pid if is_alive else 0)
        instance = Instance(name, message["tag"], pid, ticks, message["started_ns"], capture)
        self._hold(instance)
        if is_alive and process is not None:
            instance.process = process
            self._watch(process, lambda _: self._adopted_ended(instance))
            self._ports.copy(name, process, (*message.get("inherited", ()), *message.get("handed", ())))
        elif is_alive:
            instance.is_polled = True
        else:
            if process is not None:
                os.close(process)
            instance.end(None)
        return instance.describe()

    def _adopted_ended(self, instance: Instance) -> None:
        if instance.process is not None:
            self._selector.unregister(instance.process)
            os.close(instance.process)
            instance.process = None
            self._ended(instance, None)

    def _told(self, message: wire.Message) -> None:
        instance = self.instances.get(message["instance"])
        if instance and instance.pid == message["pid"]:
            instance.is_notified = True

    def _release(self, instances: list[str]) -> None:
        """Forget ended instances: their FIFO, their sockets."""
        for name in instances:
            instance = self.instances.get(name)
            if instance and not instance.ended_ns:
                raise Refusal(f"{name} still runs as process {instance.pid}")
            if instance:
                self._drop(instance)
            self._ports.release(name)

    def _end(self) -> None:
        living = [instance.id for instance in self.instances.values() if not instance.ended_ns]
        if living:
            raise Refusal(f"still running: {', '.join(living)}")
        self._release(list(self.instances))
        self._shall_end = True

    def _leave(self) -> None:
        for instance in list(self.instances.values()):
            self._drop(instance)
        self._clients.close()
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(self.runtime, start.FIFO_FOLDER))
        for name in (start.SOCKET_NAME, start.ERRORS_NAME, start.LOCK_NAME):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self.runtime, name))


def _guarded(call: Callable[[int], None], events: int) -> None:
    """Let no mistake end the keeper: it holds what nobody else can."""
    try:
        call(events)
    except Exception:
        import traceback

        traceback.print_exc()
        time.sleep(_SHAKEN_SECONDS)


def _pipe() -> tuple[int, int]:
    ear, mouth = os.pipe()
    os.set_blocking(ear, False)
    os.set_blocking(mouth, False)
    return ear, mouth


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # the number belongs to somebody else by now
    return True
