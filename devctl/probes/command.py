"""Asks by running a command in the environment of the service: good is the exit code 0."""

from __future__ import annotations

import shlex

from devctl.core.checks import CommandCheck
from devctl.engine import execute
from devctl.engine.base import Address
from devctl.engine.stream import EngineLost, EngineRefused
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


class ContainerCommandProbe:
    """A command inside a container. One whose time is over goes on in there until it ends: engines end none."""

    def __init__(self, check: CommandCheck, target: Target) -> None:
        self._argv = check.argv
        self._target = target
        self.describe = f"{shlex.join(check.argv)} (in its container)"

    async def ask(self) -> Answer:
        """Run the command once."""
        address = Address(self._target.engine, "the container engine")
        try:
            code, output = await execute.run(address, self._target.container, self._argv, BODY_BYTES)
        except (EngineLost, EngineRefused) as error:
            return Answer(False, error.what)
        return Answer(code == 0, f"exit code {code}: {shorten(output)}" if output else f"exit code {code}")


def command_probe(check: CommandCheck, target: Target) -> CommandProbe | ContainerCommandProbe:
    """Return the probe that runs a command where the instance runs."""
    return ContainerCommandProbe(check, target) if target.container else CommandProbe(check, target)


PROBE = command_probe
