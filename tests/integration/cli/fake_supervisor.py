"""A socket that answers one call as a supervisor would: enough to run the real client in a real process."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devctl.paths import StackPaths


@contextmanager
def answering(paths: StackPaths, answers: dict[str, Any]) -> Iterator[None]:
    """Answer each call from `answers` on the socket of `paths` (whose runtime folder is the caller's own)."""
    paths.runtime.mkdir(parents=True, mode=0o700)
    paths.runtime.parent.chmod(0o700)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(paths.socket))
    listener.listen()
    thread = threading.Thread(target=_serve, args=(listener, answers), daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _serve(listener: socket.socket, answers: dict[str, Any]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as stream:
            for line in stream:
                request = json.loads(line)
                reply = {"id": request["id"], "result": answers[request["call"]]}
                stream.write(json.dumps(reply).encode() + b"\n")
                stream.flush()


def write_manifest(folder: Path) -> None:
    """Write the smallest stack.yaml."""
    (folder / "stack.yaml").write_text("name: shop\nservices:\n  web: {command: sleep 60}\n")
