"""Runs a command in a container and returns how it ended: what `docker exec` does, without a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from devctl.engine import stream
from devctl.engine.base import Address
from devctl.engine.stream import Frames


async def run(
    address: Address, container: str, argv: Sequence[str], most_bytes: int, more: Mapping[str, Any] | None = None
) -> tuple[int, bytes]:
    """Return exit code and the first `most_bytes` of the output of a command in a running container; `more` of its
    order, in the engine's words."""
    order = {"Cmd": list(argv), "AttachStdout": True, "AttachStderr": True, **(more or {})}
    id = (await stream.post(address, f"/containers/{container}/exec", order))["Id"]
    kept, frames = b"", Frames()
    async with stream.opened(address, "POST", f"/exec/{id}/start", body={"Detach": False, "Tty": False}) as answer:
        while data := await answer.read():
            kept = (kept + b"".join(frames.take(data)))[:most_bytes]
    code = (await stream.get(address, f"/exec/{id}/json"))["ExitCode"]
    return int(code), kept
