"""What the relay is told: which instances stand behind each shared port, and the faults on the wire.

The last table is kept in a file, so that a relay that was killed has a successor which knows where to go at once.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from devctl.core import faults
from devctl.core.faults import Fault
from devctl.values import dataclass


class TargetState(StrEnum):
    """Whether an instance gets connections."""

    READY = "ready"
    UNREADY = "unready"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Target:
    """One instance behind a shared port, on its own port of the loopback."""

    instance: str
    port: int
    state: TargetState = TargetState.READY


@dataclass(frozen=True, slots=True)
class Route:
    """One shared port of a service: `listen` is the number that clients know."""

    service: str
    name: str
    listen: int
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Everything the relay works by. `network` is the folder of its sockets for containers, if any."""

    routes: tuple[Route, ...] = ()
    faults: tuple[Fault, ...] = ()
    network: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the table as plain JSON data."""
        return {
            "routes": [asdict(route) for route in self.routes],
            "faults": [f.to_json() for f in self.faults],
            "network": self.network,
        }


def from_json(body: dict[str, Any]) -> Table:
    """Return the table that `to_json` made `body` from; KeyError, TypeError or ValueError for anything else."""
    return Table(
        tuple(_route(route) for route in body["routes"]),
        tuple(faults.from_json(fault) for fault in body["faults"]),
        str(body.get("network", "")),
    )


def _route(body: dict[str, Any]) -> Route:
    targets = (Target(t["instance"], int(t["port"]), TargetState(t["state"])) for t in body["targets"])
    return Route(body["service"], body["name"], int(body["listen"]), tuple(targets))


def save(table: Table, path: str) -> None:
    """Replace the file with this table, for this user only."""
    temporary = f"{path}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(fd, "w") as file:
        json.dump(table.to_json(), file)
    os.replace(temporary, path)


def load(path: str) -> Table:
    """Return the table of the file, an empty one where there is none that can be read."""
    try:
        with open(path) as file:
            return from_json(json.load(file))
    except (OSError, ValueError, KeyError, TypeError):
        return Table()
