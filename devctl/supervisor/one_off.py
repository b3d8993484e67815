"""One more run of a service beside its instances: prepared here, run by whoever asked for it."""

from __future__ import annotations

import secrets
import socket
from dataclasses import replace

from devctl.core.launch import HOST, Launch, container_name, ports_of
from devctl.core.plan import check_names
from devctl.core.spec import Service, Spec, Variant
from devctl.core.state import ServiceState, State
from devctl.errors import DevctlError, EnvironmentProblem, UsageError
from devctl.runners.container import ContainerRunner
from devctl.session.protocol import OneOffView
from devctl.supervisor import files
from devctl.supervisor.active_run import ActiveRun
from devctl.supervisor.launches import Chosen, Launches
from devctl.supervisor.loop import Loop
from devctl.supervisor.stack import Stack
from devctl.values import dataclass

_ID_BYTES = 3  # as many as keep the handful of one-off runs of a stack apart


@dataclass(frozen=True, slots=True)
class _Moment:
    """What the launch of a one-off run is resolved from: the stack as it is, and ports of the run's own."""

    spec: Spec
    state: State
    previous: dict[str, Service]


class OneOffs:
    """Prepares one-off runs of the services of one stack."""

    def __init__(self, stack: Stack, containers: ContainerRunner) -> None:
        self._stack = stack
        self._containers = containers

    async def prepare(self, name: str) -> OneOffView:
        """Return how a service is run once more, with all that it needs at hand; DevctlError says what is missing."""
        active, loop = self._stack.active, self._stack.loop
        if active is None:
            raise UsageError("nothing runs here", next="Start the stack with `devctl up -d`.")
        check_names(loop.spec.services, (name,))
        chosen = _chosen(loop, active, name)
        instance = f"{name}.run-{secrets.token_hex(_ID_BYTES)}"
        launches = _launches(loop, active, chosen, instance, self._stack)
        if not chosen.service.uses:  # the files of a product are those of the instance that runs
            files.make_folders(launches.folders(chosen, instance))
            files.write_files(launches.files(chosen, instance))
        launch = launches.launch(chosen, instance)
        config = await self._containers.one_off(_unpublished(launch)) if launch.container else {}
        return {
            "instance": instance, "argv": list(launch.argv), "environment": launch.environment,
            "working_dir": launch.working_dir, "ports": launch.ports, "config": config,
            "engine": launch.container.engine if launch.container else "",
            "container": container_name(launch.container.stack, instance) if launch.container else "",
        }  # fmt: skip


def _chosen(loop: Loop, active: ActiveRun, name: str) -> Chosen:
    """Return a service with the variant that runs, else the one that would."""
    service = loop.spec.services[name]
    chosen = active.launches.chosen(name)
    if chosen is None and not service.variants:
        reason = "; ".join(f"{m.variant}: {m.reason}" for m in service.missing) or "no variant of it is offered"
        raise EnvironmentProblem(
            f"{name} is unavailable: {reason}", next=next((m.remedy for m in service.missing if m.remedy), "")
        )
    chosen = chosen or Chosen(service, service.variants[0], ServiceState(name))
    if chosen.variant.tools and chosen.state.tools is None:
        raise DevctlError(f"the programs of {name} are not at hand", next=f"`devctl start {name}` fetches them.")
    return chosen


def _launches(loop: Loop, active: ActiveRun, chosen: Chosen, instance: str, stack: Stack) -> Launches:
    numbers = _free_numbers(chosen.service, chosen.variant)
    state = replace(loop.state, ports={**loop.state.ports, instance: numbers})
    return Launches(_Moment(loop.spec, state, loop.previous), active.run, stack.paths.runtime)


def _free_numbers(service: Service, variant: Variant) -> dict[str, int]:
    """Return ports of its own for a run: those of the service are held by its instances."""
    names = [port.name for port in ports_of(service, variant)]
    sockets = {name: socket.socket() for name in names}
    for each in sockets.values():
        each.bind((HOST, 0))
    numbers = {name: int(each.getsockname()[1]) for name, each in sockets.items()}
    for each in sockets.values():
        each.close()
    return numbers


def _unpublished(launch: Launch) -> Launch:
    """Return the launch of a container that nobody reaches from outside, nor under the name of its service."""
    assert launch.container is not None
    return replace(launch, container=replace(launch.container, published=(), aliases=(), is_checked=True))
