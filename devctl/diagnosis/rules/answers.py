"""What the answer of a check says of the service: one pattern for each mistake that is made often."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from devctl.core.checks import HttpCheck
from devctl.core.events import InstanceUnready
from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause
from devctl.diagnosis.facts import Facts, brief
from devctl.diagnosis.rules.base import Rule, evidence_of

ANSWERED_SECONDS = 2.0
"""A program that answers wrongly for so long after its start has loaded what it has."""

USUAL_SECONDS = 10.0
"""For so long a start may take connections without an answer, or say that it is not ready: many do, on a busy machine
above all."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One kind of answer: the sentence, the next step, and whether other services can be the reason.

    `patience_seconds`: how long a start may answer so, unless its check gives it less: some answers are usual then.
    """

    kind: str
    pattern: str
    sentence: str
    next: str
    rank: int = 30
    is_intrinsic: bool = True
    patience_seconds: float = ANSWERED_SECONDS


def probe_rule(answered: Answered) -> Rule:
    """Return the rule that looks for one kind of answer."""

    def examine(facts: Facts, name: str) -> Iterator[Cause]:
        instance = facts.worst(name)
        is_failing = instance and facts.status(name) in (Status.STARTING, Status.UNHEALTHY)
        if not is_failing or instance is None or not _is_due(facts, name, answered.patience_seconds):
            return
        answer, check = facts.answer(instance) or instance.reason, facts.check(name)
        match = re.search(answered.pattern, answer, re.DOTALL)
        if match is None or check is None:
            return
        table = {
            "name": name, "check": check.describe(), "answer": brief(answer), "timeout": f"{check.timeout_seconds:g} s",
            "path": check.path if isinstance(check, HttpCheck) else "", **match.groupdict(),
        }  # fmt: skip
        yield Cause(
            name,
            answered.kind,
            answered.sentence.format_map(table),
            answered.next.format_map(table),
            evidence_of(facts, name, instance),
            blames=() if answered.is_intrinsic else tuple(facts.references(name)),
            is_intrinsic=answered.is_intrinsic,
            since_ns=instance.started_ns if facts.status(name) is Status.STARTING else unready_since(facts, name),
            rank=answered.rank,
            instance=instance.id,
        )

    return Rule(
        answered.kind, f"the answer to the check: `{answered.pattern}`", answered.sentence, answered.next, examine
    )


def _is_due(facts: Facts, name: str, patience_seconds: float) -> bool:
    """Whether a start is old enough for its answers to count; what is unhealthy has used up its time."""
    if facts.status(name) is Status.UNHEALTHY:
        return True
    check = facts.check(name)
    start_seconds = max(check.start_period_seconds if check else 0.0, ANSWERED_SECONDS)
    return facts.age_seconds(facts.worst(name)) >= min(patience_seconds, start_seconds)


def unready_since(facts: Facts, name: str) -> int:
    """Return when a service was last seen to fail its check, 0 when it was not."""
    return next((e.at_ns for e in reversed(facts.events) if isinstance(e, InstanceUnready) and e.service == name), 0)
