"""What a start is waiting for: the longest chain of services from the first one started to what is not up yet. Pure."""

from __future__ import annotations

import calendar
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devctl.tui.model import GOOD

if TYPE_CHECKING:
    from devctl.session.protocol import ServiceView

_ON_THE_WAY = frozenset({"pending", "blocked", "starting"})


@dataclass(frozen=True, slots=True)
class Link:
    """One service of the chain, and for how long it took or has been taking; None while it waits for others."""

    service: str
    status: str
    seconds: float | None


def critical_path(services: Mapping[str, ServiceView], now_ns: int) -> list[Link]:
    """Return the chain that took longest until now, to what is on its way; empty when nothing is."""
    chains: dict[str, tuple[float, list[Link]]] = {}
    ends = [_chain(name, services, now_ns, chains) for name in services if services[name]["status"] in _ON_THE_WAY]
    required = [chain for chain in ends if not services[chain[1][-1].service]["optional"]]
    return max(required or ends, key=lambda chain: (chain[0], len(chain[1])), default=(0.0, []))[1]


def _chain(
    name: str, services: Mapping[str, ServiceView], now_ns: int, chains: dict[str, tuple[float, list[Link]]]
) -> tuple[float, list[Link]]:
    """Return the longest chain that ends with a service: its seconds and its links."""
    if name not in chains:
        chains[name] = (0.0, [])  # rings are refused by the manifest; a broken answer of another version ends here
        view = services[name]
        before = [_chain(n, services, now_ns, chains) for n in view["depends_on"] if n in services]
        seconds, links = max(before, key=lambda chain: (chain[0], len(chain[1])), default=(0.0, []))
        took = _took(view, now_ns)
        chains[name] = (seconds + (took or 0.0), [*links, Link(name, view["status"], took)])
    return chains[name]


def _took(view: ServiceView, now_ns: int) -> float | None:
    if view["status"] in GOOD:
        return view["started_seconds"] or 0.0
    stamps = [each["started_at"] for each in view["instances"] if each["started_at"]]
    if view["status"] != "starting" or not stamps:
        return None
    began = calendar.timegm(time.strptime(min(stamps)[:19], "%Y-%m-%dT%H:%M:%S"))
    return max(now_ns / 1e9 - began, 0.0)
