"""A relay process as the keeper would start it, and instances that stand behind it: small servers of this test."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import devctl.relay
from devctl.core.faults import Fault
from devctl.relay.table import Route, Table, Target, TargetState
from tests.waiting import eventually

MAIN = Path(devctl.relay.__file__).parent / "__main__.py"
SERVICE = "order"
TAKE_OVER = """
import os, sys
for index, fd in enumerate(sys.argv[1].split(",")):
    os.dup2(int(fd), 3 + index)
os.execv(sys.argv[2], sys.argv[2:])
"""


def bound() -> socket.socket:
    """Return a listening socket on a free port of the loopback."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener


class RelayProcess:
    """A relay over sockets that outlive it, with one service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listeners = [bound(), bound()]
        self.port, self.metrics_port = (listener.getsockname()[1] for listener in self.listeners)
        self._number = 0
        self.start()

    def start(self) -> None:
        """Start the process; a later one takes over what the first left."""
        self.control_path = self.folder / "relay.sock"
        self.control_path.unlink(missing_ok=True)
        command = [
            sys.executable, "-I", "-S", str(MAIN), "--state", str(self.folder / "relay.json"),
            "--control", str(self.control_path), "--metrics", str(self.metrics_port),
        ]  # fmt: skip
        descriptors = [listener.fileno() for listener in self.listeners]
        moved = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in descriptors]
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_OVER, ",".join(map(str, moved)), *command],
            pass_fds=moved,
            env={"LISTEN_FDS": str(len(moved)), "PATH": os.environ["PATH"]},
        )
        for fd in moved:
            os.close(fd)
        try:
            self.control = eventually(self._connect, within=60, what="the relay takes requests")
        except BaseException:  # nothing is left behind where it does not start
            self.process.kill()
            self.process.wait()
            raise
        self.answers = self.control.makefile("r")

    def another_control(self) -> socket.socket:
        """Return a further connection to the control socket."""
        return eventually(self._connect, what="the relay takes requests")

    def _connect(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self.control_path))
        except OSError:
            connection.close()
            return None
        connection.settimeout(20)
        return connection

    def ask(self, **request: Any) -> Any:
        """Return the result of one request; events in between are passed over."""
        self._number += 1
        self.control.sendall(json.dumps({"id": self._number, **request}).encode() + b"\n")
        return self.hear(lambda message: message.get("id") == self._number)["result"]

    def hear(self, is_meant: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first message that is meant."""
        for line in self.answers:
            message: dict[str, Any] = json.loads(line)
            if is_meant(message):
                return message
        raise AssertionError("the relay hung up")

    def route(self, targets: Sequence[Target], faults: Sequence[Fault] = ()) -> Any:
        """Set what stands behind the port."""
        route = Route(SERVICE, "http", self.port, tuple(targets))
        return self.ask(op="table", table=Table((route,), tuple(faults)).to_json())

    def client(self) -> socket.socket:
        """Return a new connection to the shared port."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def metrics(self) -> dict[str, float]:
        """Return the relay's metrics by name and labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def descriptors(self) -> int:
        """Return how many files and sockets the process has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def kill(self) -> None:
        """Kill the process as the worst case would; its sockets stay open here."""
        self.process.kill()
        self.process.wait()
        self.control.close()
        self.answers.close()

    def close(self) -> None:
        """End the process and let the sockets go."""
        self.kill()
        for listener in self.listeners:
            listener.close()


class Instance:
    """A server behind the relay: each accepted connection is handled by `handle` in a thread of its own."""

    def __init__(self, name: str, handle: Callable[[socket.socket], None]) -> None:
        self.name = name
        self.accepted = 0
        self.listener = bound()
        self.port: int = self.listener.getsockname()[1]
        self._handle = handle
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def target(self, state: TargetState = TargetState.READY) -> Target:
        """Return the instance as the table names it."""
        return Target(self.name, self.port, state)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._connections.append(connection)
            threading.Thread(target=self._guard, args=(connection,), daemon=True).start()

    def _guard(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            self._handle(connection)

    def close(self) -> None:
        """Take no more connections and cut those that are open."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(10)
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def echo(connection: socket.socket) -> None:
    """Return every byte, and end when the client does."""
    while chunk := connection.recv(1 << 16):
        connection.sendall(chunk)


def http(name: str) -> Callable[[socket.socket], None]:
    """Answer every request with `name`, and keep the connection open."""
    body = name.encode()
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    def handle(connection: socket.socket) -> None:
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
            while b"\r\n\r\n" in received:
                received = received.partition(b"\r\n\r\n")[2]
                connection.sendall(response)

    return handle


def request(connection: socket.socket) -> str:
    """Return the whole answer to one request on a connection that may have had others."""
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return response(connection)


def response(connection: socket.socket) -> str:
    """Return one whole response with a length, head and body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    length = int(fields[b"content-length"])
    while len(body) < length:
        body += _some(connection)
    return (head + b"\r\n\r\n" + body).decode()


def _some(connection: socket.socket) -> bytes:
    chunk = connection.recv(1 << 16)
    if not chunk:
        raise ConnectionError("closed before the response was whole")
    return chunk


def read_all(connection: socket.socket) -> bytes:
    """Return everything until the end."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def is_reset(relay: RelayProcess) -> bool:
    """Whether a new connection is reset without an answer."""
    try:
        with relay.client() as client:
            client.recv(1)
    except ConnectionResetError:
        return True
    return False


def samples(metrics: dict[str, float], name: str) -> Iterator[float]:
    """Yield the values of one metric, whatever its labels."""
    return (value for key, value in metrics.items() if key.partition("{")[0] == name)
