"""The ways to ask "ready?", as the specification carries them: one class per way, each with its own fields only.

A check is plain data and asks nothing itself. Its `kind` names the module of `devctl.probes` that asks, so a new way
is one class here, its name in `Check`, and one module there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import field
from typing import Any, Literal, Self

from devctl.values import dataclass


# Of the two bases nothing is ever made, and every method that a dataclass writes costs each `up` a part of a
# millisecond.
@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class CheckTimes:
    """When a check is made and what its answers amount to; times in seconds."""

    interval_seconds: float = 2.0
    timeout_seconds: float = 2.0
    retries: int = 3
    start_interval_seconds: float = 0.025  # a service that is ready is noticed sooner than a person would
    start_period_seconds: float = 60.0

    def filled(self, fill: Callable[[str], str]) -> Self:
        """Return the check with `fill` applied to each of its texts, wherever they stand."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return dataclasses.replace(self, **{name: _filled(value, fill) for name, value in values.items()})


def _filled(value: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, tuple):
        return tuple(_filled(item, fill) for item in value)
    if isinstance(value, dict):
        return {key: _filled(item, fill) for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class PortCheck(CheckTimes):
    """A check of a port: `port` is its name in the service; empty is the main one."""

    port: str = ""

    @property
    def port_label(self) -> str:
        """The port as people are told of it."""
        return f"port {self.port or 'http'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck(PortCheck):
    """A GET of a path; `status` are the statuses that count as good, 200 to 399 when there are none."""

    kind: Literal["http"] = "http"
    path: str = "/"
    status: tuple[int, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        """Return the check in few words."""
        return f"GET {self.path} on {self.port_label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpCheck(PortCheck):
    """A connection that the port takes."""

    kind: Literal["tcp"] = "tcp"

    def describe(self) -> str:
        """Return the check in few words."""
        return f"a connection to {self.port_label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCheck(CheckTimes):
    """A command, run in the environment of the service, that ends with 0."""

    kind: Literal["command"] = "command"
    argv: tuple[str, ...]

    def describe(self) -> str:
        """Return the check in few words."""
        import shlex  # only a message needs it

        return f"the command {shlex.join(self.argv)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCheck(CheckTimes):
    """A line of the instance's output, written since its start, that the regular expression matches."""

    kind: Literal["log"] = "log"
    pattern: str

    def describe(self) -> str:
        """Return the check in few words."""
        return f"a log line like /{self.pattern}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaCheck(PortCheck):
    """A broker that lists itself in its metadata, and the `topics` that must exist."""

    kind: Literal["kafka"] = "kafka"
    topics: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the check in few words."""
        return "Kafka's metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcCheck(PortCheck):
    """The health protocol of gRPC (grpc.health.v1): the server says SERVING of `service`, of itself when empty."""

    kind: Literal["grpc"] = "grpc"
    service: str = ""

    def describe(self) -> str:
        """Return the check in few words."""
        subject = f" of {self.service}" if self.service else ""
        return f"the gRPC health{subject} on {self.port_label}"


Check = HttpCheck | TcpCheck | CommandCheck | LogCheck | KafkaCheck | GrpcCheck
