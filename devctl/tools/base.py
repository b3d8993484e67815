"""What `devctl.tools` speaks of: a tool at hand, one that could be had, one that cannot. Holds no logic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Tool:
    """A native program at hand. `path` is the program, or the folder where the tool is one (jars, bin).

    `checksum` is the sha256 of what was downloaded (empty for what was on the machine), `bytes` the disk it takes.
    """

    name: str
    path: str
    version: str
    source: str
    checksum: str = ""
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Available:
    """What can be had: at hand already (`tool`), or brought by `source` with about `bytes` to download."""

    name: str
    source: str
    version: str
    bytes: int = 0
    tool: Tool | None = None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """What no source can bring to this machine: why, and what would bring it."""

    name: str
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is. `total` is 0 while it is not known; `stage` is one word for a person."""

    tool: str
    source: str
    stage: str
    bytes: int = 0
    total: int = 0


Report = Callable[[Progress], None]


class SourceFailed(Exception):
    """This source cannot give the tool now; the next one may. The message is one plain sentence."""


class Refused(Exception):
    """What was downloaded is not what was asked for (wrong checksum, hostile archive). No other source is tried."""


@dataclass(slots=True)
class UnreachableHosts:
    """Hosts that did not answer in this run, so that nobody waits for them twice."""

    hosts: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
