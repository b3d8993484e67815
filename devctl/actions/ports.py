"""Where the ports of a service or of one instance are reached, and what they are inside."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from devctl.actions.access import Reader


class ReachedPort(NamedTuple):
    """One port. `inside`: its number in the container, 0 where it is the same as outside."""

    name: str
    address: str
    inside: int

    @property
    def number(self) -> int:
        """The number at which it is reached."""
        return int(self.address.rpartition(":")[2])


def reached_ports(session: Reader, name: str) -> list[ReachedPort]:
    """Return the ports of a service, or of one instance, which exists."""
    service = next(view for view in session.status()["services"] if name in _names(view))
    instance = next((each for each in service["instances"] if each["id"] == name), None)
    ports = instance["ports"] if instance else service["ports"]
    targets = _targets(session, service["name"], service["variant"])
    return [ReachedPort(port, address, targets.get(port, 0)) for port, address in ports.items()]


def _names(view: Mapping[str, object]) -> list[object]:
    instances = view["instances"]
    assert isinstance(instances, list)
    return [view["name"], *(each["id"] for each in instances)]


def _targets(session: Reader, service: str, variant: str) -> dict[str, int]:
    """Return the ports inside the container by their names; empty for a process."""
    variants = session.snapshot()["spec"]["services"].get(service, {}).get("variants", ())
    chosen = next((each for each in variants if each["name"] == variant), None)
    container = chosen.get("container") if chosen else None
    return dict(container["targets"]) if container else {}
