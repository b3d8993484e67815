"""A real hub process for tests."""

import contextlib
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from devctl.http.server import bind
from tests.otlp import PROTOBUF


class Hub:
    """A hub on a listening socket that outlives it, as the keeper holds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "record.db"
        self.config = folder / "hub.json"
        self.listener: socket.socket = bind("127.0.0.1:0")
        self.port: int = self.listener.getsockname()[1]
        self.grpc_listener: socket.socket = bind("127.0.0.1:0")
        self.grpc_port: int = self.grpc_listener.getsockname()[1]
        self.log = folder / "hub.log"
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        hub = [sys.executable, "-m", "devctl.hub", "--run", str(self.folder), "--config", str(self.config)]
        inherited = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100) for s in (self.listener, self.grpc_listener)]
        # A shell puts the sockets where the hub looks for them: a fork of this process may break its gRPC threads.
        moved = " ".join(f"{3 + index}<&{number} {number}<&-" for index, number in enumerate(inherited))
        command = ["bash", "-c", f'exec "$@" {moved}', "bash", *hub]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, pass_fds=inherited, stderr=log, env={**os.environ, "LISTEN_FDS": "2"}
            )
        for descriptor in inherited:
            os.close(descriptor)
        return self.process

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def post(self, body: bytes, headers: dict[str, str] | None = None, path: str = "/v1/traces") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("POST", path, body, headers or PROTOBUF)
            response = connection.getresponse()
            return response.status, response.read()

    def metrics(self) -> dict[str, float]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        return {
            name: float(value)
            for name, _, value in (line.rpartition(" ") for line in text.splitlines())
            if "#" not in name
        }

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)
        self.listener.close()
        self.grpc_listener.close()
