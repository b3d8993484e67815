"""`python -m devctl.products.rabbitmq.start`: becomes RabbitMQ, beside an epmd that ends with it.

Erlang's nodes find each other through epmd, which RabbitMQ insists on and which would outlive it as a daemon.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from pathlib import Path

from devctl.products import secret
from devctl.products.rabbitmq.node import ERL, Node, node_of, parser

EPMD_SECONDS = 10.0
"""It listens within milliseconds; on a machine that starts everything at once it may have to wait for its turn."""
PAUSE_SECONDS = 0.01
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Make the password at need, start epmd, and become the broker."""
    node = node_of(parser("python -m devctl.products.rabbitmq.start").parse_args())
    write_password(node.home)
    write_erl(node)
    environment = node.environment()
    start_epmd(node, environment)
    program = str(node.programs / "rabbitmq-server")
    # `detached` has the script become the virtual machine instead of staying before it: signals reach the broker
    # itself, which stops in order on SIGTERM. `+B i`: SIGINT does not open Erlang's break menu.
    environment |= {"detached": "true", "RABBITMQ_SERVER_START_ARGS": "+B i"}
    os.execve(program, [program], environment)  # noqa: S606


def write_password(home: Path) -> None:
    """Tell the broker the password of its first user; it is looked at only while there is none."""
    word = secret.password(home / "password")
    file = home / "conf.d" / "20-password.conf"
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as writer:
        writer.write(f"default_pass = {word}\n")


def write_erl(node: Node) -> None:
    """Put an `erl` first on the PATH that finds the Erlang beside the broker."""
    if node.erlang_root() is None:
        return
    script = node.home / "bin" / "erl"
    script.parent.mkdir(exist_ok=True, mode=0o700)
    script.write_text(ERL)
    script.chmod(0o700)


def start_epmd(node: Node, environment: dict[str, str]) -> None:
    """Start epmd as a child that the kernel ends with this process, and wait until it listens."""
    broker = os.getpid()
    sys.stdout.flush()
    if os.fork() == 0:
        _become_epmd(node.epmd(), environment, broker)
    deadline = time.monotonic() + EPMD_SECONDS
    while not _listens(node.epmd_port):
        if time.monotonic() > deadline:
            raise SystemExit(f"epmd does not listen on port {node.epmd_port} of loopback")
        time.sleep(PAUSE_SECONDS)


def _become_epmd(program: str, environment: dict[str, str], broker: int) -> None:
    if sys.platform == "linux":  # elsewhere the keeper ends it with the rest of the instance
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != broker:
            os._exit(0)
    try:
        os.execvpe(program, [program], environment)  # noqa: S606
    except OSError as error:
        print(f"{program} cannot be started: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(1)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
