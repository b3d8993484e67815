"""Runs a short-lived command beside an instance, in its environment, and says what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE

from devctl.core.launch import Launch

LONGEST_SECONDS = 60.0  # a reload takes well under a second; who needs a minute hangs


async def run(launch: Launch) -> str:
    """Run the command of `launch` to its end; return the last line of one that failed, else nothing."""
    try:
        child = await asyncio.create_subprocess_exec(
            *launch.argv, env=launch.environment, cwd=launch.working_dir, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
    except OSError as error:
        return f"{launch.argv[0]}: {error.strerror}"
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            _, stderr = await child.communicate()
    except TimeoutError:
        return f"no end within {LONGEST_SECONDS:g} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
    lines = stderr.decode(errors="replace").strip().splitlines()
    return (lines or [f"ended with {child.returncode}"])[-1] if child.returncode else ""
