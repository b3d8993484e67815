"""Runs a short-lived command beside an instance, in its environment, and says what came of it."""

from __future__ import annotations

import asyncio

from devctl.core.launch import Launch
from devctl.machine import process_command

LONGEST_SECONDS = 60.0  # a reload takes well under a second; who needs a minute hangs
_OUTPUT_BYTES = 64 << 10  # a reload says a line or two


async def run(launch: Launch, most_seconds: float = LONGEST_SECONDS) -> str:
    """Run the command of `launch` to its end; return the last line of one that failed, else nothing."""
    try:
        async with asyncio.timeout(most_seconds):
            code, output = await process_command.run(
                launch.argv, launch.environment, launch.working_dir, most_bytes=_OUTPUT_BYTES
            )
    except TimeoutError:
        return f"no end within {most_seconds:g} s"
    except OSError as error:
        return f"{launch.argv[0]}: {error.strerror}"
    return outcome(code, output)


def outcome(code: int, output: bytes) -> str:
    """Return the last line of a command that failed, else nothing."""
    lines = output.decode(errors="replace").strip().splitlines()
    return (lines or [f"ended with {code}"])[-1] if code else ""
