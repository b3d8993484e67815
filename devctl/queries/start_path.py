"""How a recorded run came up: how long each service took, and the chain of services that took longest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from devctl.record import store

if TYPE_CHECKING:
    from devctl.record.store import Run

_BEGAN, _READY = "instance_starting", "instance_ready"


@dataclass(slots=True)
class Startup:
    """Seconds from the start of each service to its first readiness, and the chain to the last one that was ready."""

    seconds: dict[str, float] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)

    @property
    def total(self) -> float:
        return sum(self.seconds[name] for name in self.path)


def startup(run: Run) -> Startup:
    """Read from a run's events how it came up; empty where nothing of it is there."""
    moments: dict[str, dict[str, float]] = {}
    for event in store.events(run):
        if event.get("type") in (_BEGAN, _READY) and "service" in event:
            moments.setdefault(event["service"], {}).setdefault(event["type"], float(event.get("monotonic", 0.0)))
    complete = {name: stages for name, stages in moments.items() if stages.keys() == {_BEGAN, _READY}}
    seconds = {name: max(stages[_READY] - stages[_BEGAN], 0.0) for name, stages in complete.items()}
    return Startup(seconds, _path({name: stages[_READY] for name, stages in complete.items()}, _needs(run)))


def _needs(run: Run) -> Mapping[str, list[str]]:
    """Return what each service waits for, by the specification of the run."""
    try:
        services: Mapping[str, Any] = json.loads(run.spec_file.read_bytes())["services"]
        return {name: [each["service"] for each in service["depends_on"]] for name, service in services.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _path(ready: Mapping[str, float], needs: Mapping[str, list[str]]) -> list[str]:
    """Return the chain that ends with the last service to be ready, each before it the one it waited for longest."""
    path: list[str] = []
    last = max(ready, key=ready.__getitem__, default="")
    while last and last not in path:
        path.insert(0, last)
        last = max((name for name in needs.get(last, ()) if name in ready), key=ready.__getitem__, default="")
    return path
