"""A command in a container with our input and output: what `docker exec -i` does, on a terminal also `-t`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from typing import Any

from devctl.engine.ask import EngineConnection
from devctl.engine.base import Address
from devctl.errors import DevctlError, EnvironmentProblem

_HEAD = 8  # of a frame: 1 for output, 2 for errors, three zeros, the length
_CHUNK = 1 << 16


def execute(address: Address, container: str, argv: Sequence[str]) -> int:
    """Run a command in a container as if it ran here; return its exit code."""
    has_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    order = {
        "Cmd": list(argv), "AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": has_terminal,
    }  # fmt: skip
    id = _ask(address, "POST", f"/containers/{container}/exec", order)["Id"]
    with _attached(address, id, has_terminal=has_terminal) as connection, _raw(enabled=has_terminal):
        if has_terminal:
            _follow_size(address, id)
        _pump(connection, is_plain=has_terminal)
    return int(_ask(address, "GET", f"/exec/{id}/json")["ExitCode"] or 0)


def _ask(address: Address, method: str, path: str, body: Any = None) -> Any:
    with contextlib.closing(EngineConnection(address)) as connection:
        try:
            sent = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise EnvironmentProblem("the container engine does not answer", next="Start it again.") from error
        data = json.loads(answer) if answer.strip() else {}
        if response.status >= http.client.BAD_REQUEST:
            raise DevctlError(str(data.get("message", response.reason)))
        return data


@contextlib.contextmanager
def _attached(address: Address, id: str, *, has_terminal: bool) -> Iterator[socket.socket]:
    """Yield the connection to a command that has been started."""
    with contextlib.closing(EngineConnection(address)) as connection:
        headers = {"Content-Type": "application/json", "Connection": "Upgrade", "Upgrade": "tcp"}
        body = json.dumps({"Detach": False, "Tty": has_terminal}).encode()
        connection.connect()
        connection.sock.settimeout(None)
        head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": len(body)}.items())
        connection.sock.sendall(f"POST /exec/{id}/start HTTP/1.1\r\nHost: engine\r\n{head}\r\n".encode() + body)
        _skip_head(connection.sock)
        yield connection.sock


def _skip_head(connection: socket.socket) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise EnvironmentProblem("the container engine hung up", next="Start it again.")
        head += byte
    status = head.split(None, 2)[1]
    if status not in (b"101", b"200"):
        raise DevctlError(f"the container engine answers {status.decode('ascii', 'replace')}")


def _pump(connection: socket.socket, *, is_plain: bool) -> None:
    """Pass input in and output out until the command has ended."""
    sources: list[Any] = [connection, sys.stdin.fileno()]
    rest = b""
    while True:
        ready, _, _ = select.select(sources, [], [])
        if connection in ready:
            data = connection.recv(_CHUNK)
            if not data:
                return
            rest = _write(rest + data, is_plain=is_plain)
        if sys.stdin.fileno() in ready:
            typed = os.read(sys.stdin.fileno(), _CHUNK)
            if typed:
                connection.sendall(typed)
            else:
                sources.remove(sys.stdin.fileno())
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)


def _write(data: bytes, *, is_plain: bool) -> bytes:
    """Write what is complete of `data` to our output; return the rest."""
    if is_plain:
        _write_all(1, data)
        return b""
    while len(data) >= _HEAD:
        end = _HEAD + int.from_bytes(data[4:_HEAD], "big")
        if len(data) < end:
            break
        _write_all(2 if data[0] == 2 else 1, data[_HEAD:end])
        data = data[end:]
    return data


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


@contextlib.contextmanager
def _raw(*, enabled: bool) -> Iterator[None]:
    """Hand every key on as it is pressed."""
    if not enabled:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _follow_size(address: Address, id: str) -> None:
    """Give the command's terminal the size of ours, now and whenever that changes."""

    def resize(*_: object) -> None:
        size = os.get_terminal_size(sys.stdout.fileno())
        with contextlib.suppress(DevctlError):
            _ask(address, "POST", f"/exec/{id}/resize?h={size.lines}&w={size.columns}")

    signal.signal(signal.SIGWINCH, resize)
    resize()
