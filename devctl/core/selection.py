"""Which instances of which services are meant by names that a person typed: `api` is all of it, `api.2` one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from devctl.errors import UsageError
from devctl.text import listing

if TYPE_CHECKING:
    from devctl.core.state import State

Selection = dict[str, tuple[str, ...]]
"""The instances by their services; none stands for the whole service."""


def split(name: str) -> tuple[str, bool]:
    """Return the service that `name` is of, and whether it is the name of an instance: no other name has a dot."""
    service, _, number = name.rpartition(".")
    is_instance = bool(service) and number.isascii() and number.isdigit()
    return (service if is_instance else name), is_instance


def no_instance(name: str, instances: Sequence[str]) -> UsageError:
    """Return the error for an instance that its service, which has `instances`, does not have."""
    service, _ = split(name)
    if not instances:
        return UsageError(f"there is no instance {name!r}", next=f"{service} has none.")
    verb = "is" if len(instances) == 1 else "are"
    return UsageError(f"there is no instance {name!r}", next=f"There {verb} {listing(instances)}.")


def select(state: State, names: Iterable[str]) -> Selection:
    """Return what `names` mean in `state`; UsageError for an instance that there is not."""
    selection: Selection = {}
    for name in names:
        service, is_instance = split(name)
        service_state = state.services.get(service) if is_instance else None
        if service_state is None:
            selection[name] = ()
            continue
        if name not in service_state.instances:
            raise no_instance(name, service_state.instance_ids)
        if selection.get(service) != ():
            selection[service] = tuple(dict.fromkeys((*selection.get(service, ()), name)))
    return selection


def select_at_rest(state: State, names: Iterable[str]) -> Selection:
    """Return what `names` mean; UsageError for an instance of a service whose instances are being replaced."""
    selection = select(state, names)
    for service, instances in selection.items():
        if instances and state.services[service].rollout is not None:
            raise UsageError(
                f"the instances of {service} are being replaced just now",
                next=f"`devctl wait {service}` returns when that is over; then run the command again.",
            )
    return selection
