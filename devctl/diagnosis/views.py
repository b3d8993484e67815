"""The shapes of what `devctl why` answers, as `devctl why --json` prints them."""

from __future__ import annotations

from typing import Any, TypedDict


class EvidenceView(TypedDict):
    """One thing that was seen. `kind` says what `pointer` holds; `time` is RFC 3339, empty where it holds now."""

    kind: str
    service: str
    text: str
    time: str
    pointer: dict[str, Any]
    lines: list[str]


class HopView(TypedDict):
    """One step of the path from the root to what suffers, with the evidence that it does."""

    service: str
    sentence: str
    evidence: list[EvidenceView]


class RootView(TypedDict):
    """One root cause. `path`: from it to the symptom that is farthest; `since`: the first deviation, RFC 3339."""

    service: str
    instance: str
    kind: str
    sentence: str
    confidence: str
    since: str
    evidence: list[EvidenceView]
    path: list[HopView]
    explains: list[str]
    next: str


class RuledOutView(TypedDict):
    """A service that was looked at since the evidence led there, and why it is not the cause."""

    service: str
    sentence: str


class DiagnosisView(TypedDict):
    """The answer of `why`: `state` is healthy, problem, waiting, stopped or never-ran; `summary` one sentence.

    `waiting`: services on their way with which nothing is wrong so far. `notes`: what is no cause of anything.
    """

    state: str
    summary: str
    question: str
    run: str
    since: str
    roots: list[RootView]
    ruled_out: list[RuledOutView]
    waiting: list[str]
    notes: list[str]


class CauseView(TypedDict):
    """One link of a chain of causes; the last one is the root cause.

    `says` is the sentence, `next` what to do; `lines` the last lines of its log (raw text, unfiltered), `answer`
    what its probe saw last, `exit_code` of its last end.
    """

    service: str
    instance: str
    status: str
    says: str
    next: str
    exit_code: int | None
    answer: str
    lines: list[str]


class WhyView(TypedDict):
    """Why a service is not good: the chain from it down to the root; an empty chain means that it is good."""

    service: str
    status: str
    chain: list[CauseView]
