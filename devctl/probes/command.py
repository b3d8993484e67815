"""Asks by running a command in the environment of the service: good is the exit code 0."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process

from devctl.core.checks import CommandCheck
from devctl.probes.base import BODY_BYTES, Answer, Target, shorten


class CommandProbe:
    """A process of its own session, killed with all its group when its time is over."""

    def __init__(self, check: CommandCheck, target: Target) -> None:
        self._argv = check.argv
        self._environment = dict(target.environment)
        self._working_dir = target.working_dir
        self.describe = shlex.join(check.argv)

    async def ask(self) -> Answer:
        """Run the command once."""
        process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT,
            env=self._environment, cwd=self._working_dir, start_new_session=True,
        )  # fmt: skip
        try:
            output = await _read(process)
            code = await process.wait()
        finally:
            await _end(process)
        return Answer(code == 0, f"exit code {code}: {shorten(output)}" if output else f"exit code {code}")


PROBE = CommandProbe


async def _read(process: Process) -> bytes:
    """Return the begin of the output; the rest is read and dropped."""
    kept = b""
    assert process.stdout is not None
    while piece := await process.stdout.read(1 << 16):
        kept = (kept + piece)[:BODY_BYTES]
    return kept


async def _end(process: Process) -> None:
    """Kill what is left of the command, also what it left behind in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    process._transport.close()  # type: ignore[attr-defined]  # else a grandchild keeps the pipe, and us, open
