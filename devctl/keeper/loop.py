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
from devctl.keeper.capture import Capture, Held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAP_SECONDS = 0.001  # while somebody writes fast: fewer, larger moves
_CARE_SECONDS = 0.5
_SHAKEN_SECONDS = 0.05
_BACKLOG = 1024


class Refusal(Exception):
    """A request that cannot be done, told to the client in its answer."""


class Client:
    """One connection: what came in half, what could not be sent yet."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.decoder = wire.Decoder()
        self.unsent = bytearray()
        self.is_listening = False  # has said hello, so it is told of ends


class Keeper:
    """Everything the keeper holds, and the loop."""

    def __init__(self, runtime: str, listener: socket.socket) -> None:
        self.runtime = runtime
        self.held: dict[str, Held] = {}
        self.snapshot = b""
        self._by_pid: dict[int, Held] = {}
        self._sockets: dict[tuple[str, int], socket.socket] = {}
        self._clients: set[Client] = set()
        self._selector = selectors.DefaultSelector()
        self._listener = listener
        self._is_chatty = False
        self._shall_end = False
        self._watch(listener, self._accept)
        self._watch_children()

    def run(self) -> None:
        """Go on until told to end while holding nothing."""
        while not (self._shall_end and all(held.ended_ns for held in self.held.values())):
            for key, events in self._selector.select(self._pause()):
                _guarded(key.data, events)
            if self._is_chatty:
                self._is_chatty = False
                time.sleep(_NAP_SECONDS)
            self._look_after()
        self._leave()

    # The loop's ears

    def _watch(self, fd: Any, call: Callable[[int], None], events: int = selectors.EVENT_READ) -> None:
        self._selector.register(fd, events, call)

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
        needs_care = any(held.capture.log.lost or held.is_polled for held in self.held.values())
        return _CARE_SECONDS if needs_care else None

    def _look_after(self) -> None:
        """Do what no descriptor calls for: logs that wait for room, processes that cannot be waited for."""
        for held in list(self.held.values()):
            if held.capture.log.lost:
                held.capture.log.retry()
            if held.is_polled and not _is_alive(held.pid):
                held.is_polled = False
                self._ended(held, None)

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
            held = self._by_pid.pop(pid, None)
            if held:
                self._ended(held, os.waitstatus_to_exitcode(status))

    def _ended(self, held: Held, code: int | None) -> None:
        held.end(code)
        self._tell({"event": "exit", **held.describe()})

    def _output(self, held: Held) -> Callable[[int], None]:
        def move(_: int) -> None:
            if held.capture.move():
                self._is_chatty = True

        return move

    def _hold(self, held: Held) -> None:
        self.held[held.instance] = held
        self._watch(held.capture.pipe, self._output(held))

    def _drop(self, held: Held) -> None:
        self._selector.unregister(held.capture.pipe)
        held.capture.close()
        del self.held[held.instance]

    # Requests

    def _accept(self, _: int) -> None:
        connection, _address = self._listener.accept()
        if system.peer_uid(connection) != os.getuid():
            connection.close()
            return
        connection.setblocking(False)
        client = Client(connection)
        self._clients.add(client)
        self._watch(connection, lambda events: self._serve(client, events))

    def _serve(self, client: Client, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._send(client)
        if events & selectors.EVENT_READ:
            try:
                received = client.connection.recv(1 << 18)
                for message, body in client.decoder.feed(received):
                    self._answer(client, message, body)
            except BlockingIOError:
                return
            except (OSError, ValueError):
                received = b""
            if not received:
                self._part(client)

    def _part(self, client: Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._selector.unregister(client.connection)
            client.connection.close()

    def _answer(self, client: Client, message: wire.Message, body: bytes) -> None:
        answer: wire.Message = {"id": message.get("id")}
        reply_body = b""
        try:
            result = self._do(client, message, body)
            if isinstance(result, bytes):
                reply_body = result
            else:
                answer["result"] = result
        except Exception as error:  # whatever one request does wrong, the instances are worth more
            answer["error"] = _explain(error)
        self._queue(client, wire.encode(answer, reply_body))

    def _do(self, client: Client, message: wire.Message, body: bytes) -> Any:
        match message.get("op"):
            case "hello":
                return self._hello(client)
            case "start":
                return self._start(message)
            case "adopt":
                return [self._adopt(each) for each in message["instances"]]
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

    def _hello(self, client: Client) -> dict[str, Any]:
        client.is_listening = True
        instances = [held.describe() for held in self.held.values()]
        return {"version": wire.VERSION, "pid": os.getpid(), "instances": instances}

    def _start(self, message: wire.Message) -> dict[str, object]:
        instance = message["instance"]
        before = self.held.get(instance)
        if before and not before.ended_ns:
            raise Refusal(f"{instance} runs already as process {before.pid}")
        capture = self._capture(message, before)
        try:
            sockets = [self._socket(instance, port) for port in message.get("inherited", ())]
            started_ns = time.time_ns()
            environment = {**message["environment"], "DEVCTL_INSTANCE": message["tag"]}
            pid = spawn.spawn(message["argv"], environment, message["working_dir"], capture.fifo, sockets)
        except BaseException:
            if not before or before.capture is not capture:
                capture.close()
            raise
        if before and before.capture is capture:
            self._selector.unregister(capture.pipe)
        held = Held(instance, message["tag"], pid, system.start_ticks(pid), started_ns, capture)
        self._hold(held)
        self._by_pid[pid] = held
        return held.describe()

    def _capture(self, message: wire.Message, before: Held | None, writer: int = 0) -> Capture:
        if before and before.capture.serves(message["log_folder"]):
            before.capture.finish()
            return before.capture
        if before:
            self._drop(before)
        fifo = os.path.join(self.runtime, start.FIFO_FOLDER, message["instance"])
        return Capture(fifo, message["log_folder"], message["log_bytes"], writer)

    def _socket(self, instance: str, port: int) -> int:
        """Return the listening socket of this port, bound now if it is not yet."""
        if (instance, port) not in self._sockets:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                listener.close()
                raise OSError(error.errno, f"cannot listen: {error.strerror}", f"127.0.0.1:{port}") from error
            listener.listen(_BACKLOG)
            self._sockets[instance, port] = listener
        return self._sockets[instance, port].fileno()

    def _adopt(self, message: wire.Message) -> dict[str, object]:
        """Take back an instance that an earlier keeper started; one that is gone is told as ended."""
        instance, pid, ticks = message["instance"], message["pid"], message["ticks"]
        if known := self.held.get(instance):
            return known.describe()
        process = system.open_process(pid)
        is_alive = message["alive"] and (system.is_same(pid, ticks) if system.LINUX else _is_alive(pid))
        capture = self._capture(message, None, pid if is_alive else 0)
        held = Held(instance, message["tag"], pid, ticks, message["started_ns"], capture)
        self._hold(held)
        if is_alive and process is not None:
            held.process = process
            self._watch(process, lambda _: self._adopted_ended(held))
            self._take_sockets(held, message.get("inherited", ()))
        elif is_alive:
            held.is_polled = True
        else:
            if process is not None:
                os.close(process)
            held.end(None)
        return held.describe()

    def _adopted_ended(self, held: Held) -> None:
        if held.process is not None:
            self._selector.unregister(held.process)
            os.close(held.process)
            held.process = None
            self._ended(held, None)

    def _take_sockets(self, held: Held, ports: list[int]) -> None:
        """Get our own copies of the listening sockets that the instance still holds."""
        for place, port in enumerate(ports):
            listener = system.copy_socket(held.process, spawn.FIRST_INHERITED + place)
            if listener is not None and listener.getsockname()[1:2] == (port,):
                self._sockets[held.instance, port] = listener

    def _told(self, message: wire.Message) -> None:
        held = self.held.get(message["instance"])
        if held and held.pid == message["pid"]:
            held.is_told = True

    def _release(self, instances: list[str]) -> None:
        """Forget ended instances: their FIFO, their sockets."""
        for instance in instances:
            held = self.held.get(instance)
            if held and not held.ended_ns:
                raise Refusal(f"{instance} still runs as process {held.pid}")
            if held:
                self._drop(held)
            for key in [key for key in self._sockets if key[0] == instance]:
                self._sockets.pop(key).close()

    def _end(self) -> None:
        living = [held.instance for held in self.held.values() if not held.ended_ns]
        if living:
            raise Refusal(f"still running: {', '.join(living)}")
        self._release(list(self.held))
        self._shall_end = True

    # Answers

    def _tell(self, event: wire.Message) -> None:
        for client in list(self._clients):
            if client.is_listening:
                self._queue(client, wire.encode(event))

    def _queue(self, client: Client, message: bytes) -> None:
        client.unsent += message
        self._send(client)

    def _send(self, client: Client) -> None:
        try:
            while client.unsent:
                del client.unsent[: client.connection.send(client.unsent)]
        except BlockingIOError:
            pass
        except OSError:
            return self._part(client)
        if client in self._clients:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
            self._selector.modify(client.connection, events, lambda got: self._serve(client, got))
        return None

    def _leave(self) -> None:
        for held in list(self.held.values()):
            self._drop(held)
        for client in list(self._clients):
            self._part(client)
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


def _explain(error: Exception) -> dict[str, Any]:
    if isinstance(error, OSError):
        where = error.filename if isinstance(error.filename, str) else ""
        return {"errno": error.errno, "what": error.strerror or str(error), "where": where}
    what = str(error) if isinstance(error, Refusal) else f"the keeper failed: {error!r}"
    return {"errno": 0, "what": what, "where": ""}
