"""A service of which no variant can be had on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield what is missing and how to get it."""
    derived = facts.snapshot.status(name)
    if derived.status is not Status.UNAVAILABLE:
        return
    missing = facts.snapshot.service_state(name).missing or facts.snapshot.service(name).missing
    evidence = tuple(
        Evidence(EvidenceKind.STATUS, name, f"{m.variant}: {m.reason}", 0, {"variant": m.variant}) for m in missing
    )
    sentence = f"{name} cannot be had on this machine: {derived.reason}"
    remedy = derived.remedy or "`devctl doctor` says what this machine lacks and how to get it."
    yield Cause(name, "unavailable", sentence, remedy, evidence, is_intrinsic=True, rank=10)


RULE = Rule(
    "unavailable",
    "the variants of the service and what each lacks",
    "report cannot be had on this machine: container: no container engine answers",
    "what `devctl doctor` says of it",
    examine,
)
