"""Asks by running a command in the environment of the service: good is the exit code 0."""

from __future__ import annotations

import shlex

from devctl.core.checks import CommandCheck
from devctl.machine import process_command
from devctl.probes.base import BODY_BYTES, Answer, Target, shorten


class CommandProbe:
    """A process of its own session, of which nothing is left when it has answered or its time is over."""

    def __init__(self, check: CommandCheck, target: Target) -> None:
        self._argv = check.argv
        self._environment = dict(target.environment)
        self._working_dir = target.working_dir
        self.describe = shlex.join(check.argv)

    async def ask(self) -> Answer:
        """Run the command once."""
        code, output = await process_command.run(
            self._argv, self._environment, self._working_dir, most_bytes=BODY_BYTES
        )
        return Answer(code == 0, f"exit code {code}: {shorten(output)}" if output else f"exit code {code}")


PROBE = CommandProbe
