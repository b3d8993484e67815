"""Runs the hooks of a service beside one of its instances: where that runs, in its environment, in their order."""

from __future__ import annotations

import asyncio

from devctl.core import events as happened
from devctl.core.decide import Stop
from devctl.core.launch import Launch, container_name
from devctl.core.spec import Hook
from devctl.engine import execute
from devctl.engine.base import Address
from devctl.engine.stream import EngineLost, EngineRefused
from devctl.errors import DevctlError
from devctl.runners.base import Runner
from devctl.supervisor import child
from devctl.supervisor.bugs import explained
from devctl.supervisor.launches import Chosen, Launches
from devctl.supervisor.loop import Loop

START_SECONDS = 60.0
"""How long all that runs after a start may take; who needs longer is a service of its own that others depend on."""
_OUTPUT_BYTES = 64 << 10  # the last line of it is told


async def after_start(launches: Launches, runner: Runner, chosen: Chosen, instance: str, stop_signal: int) -> None:
    """Run what is to run after a start; where that fails, the instance is ended and its start has failed."""
    try:
        await _run_all(launches, chosen, instance, chosen.service.post_start, START_SECONDS)
    except Exception as error:  # whatever it is: a start that has failed leaves nothing that lives
        await runner.stop(instance, stop_signal, chosen.service.stop_grace_seconds)
        raise DevctlError(f"its post_start failed: {explained(error).what}", next="Correct the hook.") from error


async def before_stop(loop: Loop, launches: Launches, step: Stop, grace: float) -> float:
    """Run what is to run before a stop, unless that shall be at once; return the seconds that it took."""
    chosen = launches.chosen(step.service)
    instance = loop.state.instance(step.service, step.instance)
    if chosen is None or not chosen.service.pre_stop or grace <= 0 or not instance or not instance.pid:
        return 0.0
    began = loop.clock.monotonic()
    try:
        await _run_all(launches, chosen, step.instance, chosen.service.pre_stop, grace)
    except DevctlError as error:
        loop.post(happened.Notice(f"{step.instance}: its pre_stop failed: {error.what}", step.service))
    return min(loop.clock.monotonic() - began, grace)


async def _run_all(
    launches: Launches, chosen: Chosen, instance: str, hooks: tuple[Hook, ...], most_seconds: float
) -> None:
    """Run hooks in their order, within so many seconds; DevctlError says which one failed, and how."""
    deadline = asyncio.get_running_loop().time() + most_seconds
    for hook in hooks:
        left = max(deadline - asyncio.get_running_loop().time(), 0.0)
        launch = launches.hook(chosen, instance, hook)
        failure = await (_in_container(launch, hook, left) if launch.container else child.run(launch, left))
        if failure:
            raise DevctlError(f"{' '.join(launch.argv)[:80]}: {failure}", where=instance)


async def _in_container(launch: Launch, hook: Hook, most_seconds: float) -> str:
    container = launch.container
    assert container is not None
    order = {
        "Env": [f"{name}={value}" for name, value in launch.environment.items()],
        "WorkingDir": launch.working_dir,
        "User": hook.user or container.options.user,
    }
    more = {name: value for name, value in order.items() if value}
    address, name = Address(container.engine, "the container engine"), container_name(container.stack, launch.instance)
    try:
        async with asyncio.timeout(most_seconds):
            code, output = await execute.run(address, name, launch.argv, _OUTPUT_BYTES, more)
    except TimeoutError:
        return f"no end within {most_seconds:.0f} s"
    except (EngineLost, EngineRefused) as error:
        return error.what
    return child.outcome(code, output)
