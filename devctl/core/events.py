"""What can happen to a stack: one dataclass per thing, with its JSON form for the record and the streams.

An event states facts and what was decided about them; what follows from it is the business of `core.transitions`.
"""

from __future__ import annotations

import re
from dataclasses import field, replace
from enum import StrEnum
from typing import Any, TypeVar

from devctl.clock import Clock
from devctl.core import spec
from devctl.core.faults import Fault
from devctl.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """When it happened: wall time for people, and seconds of the monotonic clock for every delay."""

    at_ns: int = 0
    monotonic: float = 0.0


@dataclass(frozen=True, slots=True)
class RunBegan(Event):
    """A run of `stack` began; `boot` tells this boot of the machine from any other."""

    run: str
    stack: str
    boot: str


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """Everything was stopped on request; nothing of the run lives."""


@dataclass(frozen=True, slots=True)
class SupervisorBegan(Event):
    """A supervisor took the run up: its first, or a later one after an earlier died."""

    pid: int
    adopted: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """One variant that may run, and the digest of the definition it would run."""

    variant: str
    digest: str


@dataclass(frozen=True, slots=True)
class Goal:
    """What shall become of one service. `force_recreate`: what lives is stopped, what failed or stopped is tried
    again. `removed`: it is no longer in the manifest and is forgotten once it has stopped. `instances`: only these of
    it, the others stay as they are. `keeps_held`: an instance that was stopped alone stays so."""

    service: str
    desired_up: bool = spec.stored_as("up")
    cause: str = ""
    options: tuple[Option, ...] = ()
    missing: tuple[spec.MissingVariant, ...] = ()
    replicas: int = 1
    rolling: spec.UpdatePolicy | None = None  # with force_recreate: one after the other, as this says
    force_recreate: bool = spec.stored_as("fresh", default=False)
    removed: bool = spec.stored_as("gone", default=False)
    instances: tuple[str, ...] = ()
    keeps_held: bool = False


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """A plan was accepted: these goals hold from now on, those of other services stay."""

    goals: tuple[Goal, ...]


@dataclass(frozen=True, slots=True)
class PortsAllocated(Event):
    """The numbers of the named ports per instance; they hold for the rest of the run."""

    ports: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class FetchBegan(Event):
    """Native programs of a variant are being looked for or downloaded."""

    service: str
    variant: str
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolsReady(Event):
    """The native programs of a variant are at hand at these paths."""

    service: str
    variant: str
    tools: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VariantMissing(Event):
    """A variant turned out not to be had; the next one is tried."""

    service: str
    variant: str
    reason: str
    remedy: str = spec.stored_as("cure", default="")


@dataclass(frozen=True, slots=True)
class InstanceStarting(Event):
    """The spawn of an instance was ordered."""

    instance: str
    service: str


@dataclass(frozen=True, slots=True)
class InstanceStarted(Event):
    """An instance lives. `checked`: it counts as good only when its check says so."""

    instance: str
    service: str
    pid: int
    start_ticks: int
    started_ns: int
    container: str = ""
    checked: bool = False


@dataclass(frozen=True, slots=True)
class StartFailed(Event):
    """An instance could not be spawned at all."""

    instance: str
    service: str
    reason: str
    remedy: str = spec.stored_as("cure", default="")


@dataclass(frozen=True, slots=True)
class InstanceReady(Event):
    """The check of an instance passed, for the first time or again."""

    instance: str
    service: str


@dataclass(frozen=True, slots=True)
class InstanceUnready(Event):
    """The check of an instance failed as often as its retries allow, or beyond its start period."""

    instance: str
    service: str
    answer: str


class Verdict(StrEnum):
    """What is done about an instance that ended by itself."""

    RESTART = "restart"
    COMPLETED = "completed"
    START_FAILED = "start-up failure"
    CRASH_LOOP = "crash loop"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class InstanceExited(Event):
    """An instance ended by itself. `code` None: nobody can know it. `pause_seconds` before a restart.

    `requested`: a person sent it the signal that ended it.
    """

    instance: str
    service: str
    pid: int
    code: int | None
    verdict: Verdict
    reason: str
    pause_seconds: float = 0.0
    requested: bool = spec.stored_as("asked", default=False)


@dataclass(frozen=True, slots=True)
class InstanceStopping(Event):
    """An instance was asked to stop."""

    instance: str
    service: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class InstanceStopped(Event):
    """An instance was stopped and no process of it is left; `killed` had to be killed."""

    instance: str
    service: str
    code: int | None = None
    killed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceSignalled(Event):
    """A person sent a signal to an instance."""

    instance: str
    service: str
    signal: str


@dataclass(frozen=True, slots=True)
class InstancePaused(Event):
    """Every process of an instance is held, on request: it lives and does nothing, and nobody asks how it is."""

    instance: str
    service: str


@dataclass(frozen=True, slots=True)
class InstanceUnpaused(Event):
    """A paused instance goes on."""

    instance: str
    service: str


@dataclass(frozen=True, slots=True)
class LivenessFailed(Event):
    """The liveness check of an instance failed as often as its retries allow: it is to be restarted."""

    instance: str
    service: str
    answer: str


@dataclass(frozen=True, slots=True)
class RolloutFailed(Event):
    """A new instance did not become healthy while instances were being replaced."""

    service: str
    reason: str
    action: spec.FailureAction = spec.FailureAction.ROLLBACK


@dataclass(frozen=True, slots=True)
class FaultAdded(Event):
    """A fault is on the wire of a relayed service from now on."""

    service: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class FaultEnded(Event):
    """A fault is no longer on the wire."""

    service: str
    name: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class StateKept(Event):
    """All that the events before this one amount to, as the state's JSON: the history began anew here."""

    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FilesWatched(Event):
    """From now on changed files restart their services."""


@dataclass(frozen=True, slots=True)
class FilesChanged(Event):
    """A watched file of a service changed."""

    service: str
    path: str


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something that a person should know of: a full disk, a lost keeper, a port that gave way."""

    text: str
    service: str = ""


E = TypeVar("E", bound=Event)


def stamp(event: E, clock: Clock) -> E:
    """Return `event` with the time of now."""
    return replace(event, at_ns=clock.now_ns(), monotonic=clock.monotonic())


_OTHER_NAMES: dict[type[Event], str] = {Notice: "noticed"}
"""Kinds whose JSON name, which is on disk, is another than the code's."""


def type_name(kind: type[Event]) -> str:
    """Return the JSON name of a kind of event, such as `instance_started`."""
    return _OTHER_NAMES.get(kind) or re.sub(r"(?<=.)([A-Z])", r"_\1", kind.__name__).lower()


KINDS: dict[str, type[Event]] = {
    type_name(kind): kind
    for kind in tuple(globals().values())
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}
_NAMES: dict[type[Event], str] = {kind: name for name, kind in KINDS.items()}
_KEYS: dict[type[Event], tuple[tuple[str, str], ...]] = {kind: spec.keys_of(kind) for kind in KINDS.values()}


def to_json(event: Event) -> dict[str, Any]:
    """Return plain JSON data of an event, with its `type` first."""
    kind = type(event)
    if kind in (Planned, FaultAdded):  # the only ones with dataclasses inside
        return {"type": _NAMES[kind], **spec.to_json(event)}
    return {"type": _NAMES[kind], **{key: getattr(event, name) for name, key in _KEYS[kind]}}


def from_json(body: dict[str, Any]) -> Event | None:
    """Return the event that `to_json` made `body` from; None for one that this version does not know."""
    kind = KINDS.get(str(body.get("type", "")))
    if kind is None:
        return None
    try:
        return spec.from_json(kind, {key: value for key, value in body.items() if key != "type"})
    except (KeyError, TypeError, ValueError):  # written by another version, or damaged
        return None
