"""What a diagnosis rests on: pieces of evidence, each with a pointer back to where it was seen, and the causes that
rules draw from them. Plain data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class EvidenceKind(StrEnum):
    """What sort of thing was seen; it says what the pointer holds."""

    EXIT = "exit"
    LINES = "lines"
    PROBE = "probe"
    PROCESS = "process"
    PORT = "port"
    DISK = "disk"
    CALLS = "calls"
    CHANGE = "change"
    WIRE_FAULT = "wire fault"
    EVENT = "event"
    STATUS = "status"
    ALERT = "alert"


class Confidence(StrEnum):
    """How far a cause can be trusted: shown by what was seen, the likeliest of several, or not shown by anything."""

    CERTAIN = "certain"
    LIKELY = "likely"
    NONE = "no evidence"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was seen. `at_ns`: when, 0 where it holds now. `pointer`: where to see it again, by its kind
    (log instance and time, trace and span, probe request, pid, manifest file and line, event)."""

    kind: EvidenceKind
    service: str
    text: str
    at_ns: int = 0
    pointer: Mapping[str, str | int] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """What one rule says of one service.

    `blames`: the services to which this evidence points; where one of them has a cause, too, this one follows from it.
    `is_intrinsic`: no other service can be the reason of it. `is_weak`: it counts only where something suffers that
    nothing stronger explains. `since_ns`: when it began, as far as is known. `rank`: of several causes of one service
    the lowest is told.
    """

    service: str
    kind: str
    sentence: str
    next: str
    evidence: tuple[Evidence, ...] = ()
    confidence: Confidence = Confidence.CERTAIN
    blames: tuple[str, ...] = ()
    is_intrinsic: bool = False
    is_weak: bool = False
    since_ns: int = 0
    rank: int = 50
    instance: str = ""
