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
        command = [sys.executable, "-m", "devctl.hub", "--run", str(self.folder), "--config", str(self.config)]
        inherited = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100) for s in (self.listener, self.grpc_listener)]

        def hand_over() -> None:
            for index, descriptor in enumerate(inherited):
                os.dup2(descriptor, 3 + index)

        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, preexec_fn=hand_over, pass_fds=(3, 4), stderr=log, env={**os.environ, "LISTEN_FDS": "2"}
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
