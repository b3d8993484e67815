"""Wire faults: what they are, what they are called, how they are told. Words and meanings are Toxiproxy's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from devctl.values import dataclass


class FaultKind(StrEnum):
    """What a fault does to a connection."""

    LATENCY = "latency"
    BANDWIDTH = "bandwidth"
    TIMEOUT = "timeout"
    RESET = "reset_peer"
    SLOW_CLOSE = "slow_close"
    DOWN = "down"


class Stream(StrEnum):
    """Which way: from the client to the service, or back."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault on the wire of one service.

    `milliseconds`: the latency, the time until a timeout closes, the delay of a slow close. `rate`: kilobytes
    (1,000 bytes) a second. `toxicity`: the share of connections that it touches. `until`: when it ends by itself,
    in seconds of the monotonic clock, 0 for never.
    """

    name: str
    service: str
    kind: FaultKind
    milliseconds: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    toxicity: float = 1.0
    stream: Stream = Stream.DOWNSTREAM
    seed: int | None = None
    until: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the fault as plain JSON data."""
        return asdict(self)

    @property
    def text(self) -> str:
        """Return what it does, for people: `latency 200 ms ± 50 ms downstream`."""
        effect = {
            FaultKind.LATENCY: f"latency {self.milliseconds:g} ms{_jitter(self.jitter)} {self.stream}",
            FaultKind.BANDWIDTH: f"bandwidth {self.rate:g} KB/s {self.stream}",
            FaultKind.TIMEOUT: f"timeout {self.milliseconds:g} ms {self.stream}",
            FaultKind.RESET: "connections reset",
            FaultKind.SLOW_CLOSE: f"close delayed by {self.milliseconds:g} ms {self.stream}",
            FaultKind.DOWN: "down",
        }[self.kind]
        return effect if self.toxicity >= 1 else f"{effect}, {self.toxicity:.0%} of connections"


def _jitter(jitter: float) -> str:
    return f" ± {jitter:g} ms" if jitter else ""


def from_json(body: dict[str, Any]) -> Fault:
    """Return the fault that `to_json` made `body` from; KeyError or ValueError for anything else."""
    values = {name: body[name] for name in Fault.__slots__ if name in body}
    return Fault(**{**values, "kind": FaultKind(body["kind"]), "stream": Stream(body.get("stream", "downstream"))})


def next_name(service: str, kind: FaultKind, names: Iterable[str]) -> str:
    """Return the first free name for a fault: `order_latency_1`."""
    taken = set(names)
    stem = f"{service}_{kind}"
    return next(name for number in range(1, len(taken) + 2) if (name := f"{stem}_{number}") not in taken)
