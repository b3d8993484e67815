"""A container with our input and output: a command in it (`docker exec -i`, on a terminal also `-t`), a container that
runs for us, one that runs already."""

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

from devctl.engine.ask import PATIENT_SECONDS, EngineConnection
from devctl.engine.base import Address
from devctl.errors import DevctlError, EnvironmentProblem

DETACH_KEYS = b"\x10\x11"
"""Ctrl-P, Ctrl-Q: Docker's own."""
WAIT_SECONDS = 3600.0  # for the end of a container whose output has ended: it may have closed that long before

_HEAD = 8  # of a frame: 1 for output, 2 for errors, three zeros, the length
_CHUNK = 1 << 16


def execute(address: Address, container: str, argv: Sequence[str]) -> int:
    """Run a command in a container as if it ran here; return its exit code."""
    has_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    order = {
        "Cmd": list(argv), "AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": has_terminal,
    }  # fmt: skip
    id = _ask(address, "POST", f"/containers/{container}/exec", order)["Id"]
    begin = {"Detach": False, "Tty": has_terminal}
    with _attached(address, f"/exec/{id}/start", begin) as connection, _raw(enabled=has_terminal):
        if has_terminal:
            _follow_size(address, f"/exec/{id}")
        _pump(connection, is_plain=has_terminal)
    return int(_ask(address, "GET", f"/exec/{id}/json")["ExitCode"] or 0)


def run(address: Address, name: str, config: dict[str, Any], *, remove: bool) -> int:
    """Run a container as if it ran here; return its exit code. `remove`: leave nothing of it."""
    has_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    attached = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "OpenStdin": True, "StdinOnce": True}
    id = _ask(address, "POST", f"/containers/create?name={name}", {**config, **attached, "Tty": has_terminal})["Id"]
    try:
        path = f"/containers/{id}/attach?stream=1&stdin=1&stdout=1&stderr=1"
        with _attached(address, path) as connection, _passed_on(address, id):
            _ask(address, "POST", f"/containers/{id}/start")
            with _raw(enabled=has_terminal):
                if has_terminal:
                    _follow_size(address, f"/containers/{id}")
                _pump(connection, is_plain=has_terminal)
            return int(_ask(address, "POST", f"/containers/{id}/wait", patient=True)["StatusCode"])
    finally:
        if remove:
            with contextlib.suppress(DevctlError):
                _ask(address, "DELETE", f"/containers/{id}?force=1&v=1")


def attach(address: Address, container: str) -> bool:
    """Connect to the container's own input and output, until it ends or DETACH_KEYS are pressed; return whether it
    has ended."""
    config = _ask(address, "GET", f"/containers/{container}/json")["Config"]
    takes_input, is_plain = bool(config["OpenStdin"]), bool(config["Tty"])
    has_terminal = takes_input and sys.stdin.isatty()
    path = f"/containers/{container}/attach?stream=1&stdin={int(takes_input)}&stdout=1&stderr=1"
    with _attached(address, path) as connection, _raw(enabled=has_terminal and is_plain):
        if has_terminal and is_plain:
            _follow_size(address, f"/containers/{container}")
        return _pump(connection, is_plain=is_plain, takes_input=takes_input, can_detach=has_terminal)


@contextlib.contextmanager
def _passed_on(address: Address, container: str) -> Iterator[None]:
    """Have the signals that would end us end the container: a second one kills it."""
    count = 0

    def pass_on(number: int, _: object) -> None:
        nonlocal count
        count += 1
        sent = number if count == 1 else signal.SIGKILL
        with contextlib.suppress(DevctlError):
            _ask(address, "POST", f"/containers/{container}/kill?signal={int(sent)}")

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ask(address: Address, method: str, path: str, body: Any = None, *, patient: bool = False) -> Any:
    seconds = PATIENT_SECONDS if not patient else WAIT_SECONDS
    with contextlib.closing(EngineConnection(address, seconds)) as connection:
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
def _attached(address: Address, path: str, order: Any = None) -> Iterator[socket.socket]:
    """Yield the connection to what the engine starts, or has running, at `path`."""
    with contextlib.closing(EngineConnection(address)) as connection:
        headers = {"Content-Type": "application/json", "Connection": "Upgrade", "Upgrade": "tcp"}
        body = json.dumps(order).encode() if order is not None else b""
        connection.connect()
        connection.sock.settimeout(None)
        head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": len(body)}.items())
        connection.sock.sendall(f"POST {path} HTTP/1.1\r\nHost: engine\r\n{head}\r\n".encode() + body)
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


def _pump(connection: socket.socket, *, is_plain: bool, takes_input: bool = True, can_detach: bool = False) -> bool:
    """Pass input in and output out until the command has ended; `can_detach`: or the keys for that were pressed.
    Return whether it has ended."""
    sources: list[Any] = [connection, *([sys.stdin.fileno()] if takes_input else [])]
    rest = b""
    keys = b""
    while True:
        ready, _, _ = select.select(sources, [], [])
        if connection in ready:
            data = _received(connection)
            if not data:
                return True
            rest = _write(rest + data, is_plain=is_plain)
        if sys.stdin.fileno() in ready:
            typed = os.read(sys.stdin.fileno(), _CHUNK)
            keys = (keys + typed)[-len(DETACH_KEYS) :]
            if can_detach and keys == DETACH_KEYS:
                return False
            if typed:
                connection.sendall(typed)
            else:
                sources.remove(sys.stdin.fileno())
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)


def _received(connection: socket.socket) -> bytes:
    """Return what came; an engine that resets the connection has nothing more to say."""
    try:
        return connection.recv(_CHUNK)
    except ConnectionResetError:
        return b""


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


def _follow_size(address: Address, path: str) -> None:
    """Give the command's terminal the size of ours, now and whenever that changes."""

    def resize(*_: object) -> None:
        size = os.get_terminal_size(sys.stdout.fileno())
        with contextlib.suppress(DevctlError):
            _ask(address, "POST", f"{path}/resize?h={size.lines}&w={size.columns}")

    signal.signal(signal.SIGWINCH, resize)
    resize()
