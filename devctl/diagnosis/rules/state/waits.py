"""A service that has not been started, since what it depends on is not good."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield that it waits, and for whom."""
    derived = facts.snapshot.status(name)
    if derived.status is not Status.BLOCKED:
        return
    waits = [(other, facts.status(other).value) for other in derived.waits_for]
    evidence = tuple(
        Evidence(EvidenceKind.STATUS, other, f"{other} is {status}", 0, {"service": other}) for other, status in waits
    )
    sentence = f"{name} waits for {', '.join(f'{other} ({status})' for other, status in waits)}"
    yield Cause(name, "waits", sentence, "", evidence, blames=tuple(derived.waits_for), is_weak=True, rank=90)


RULE = Rule("waits", "its dependencies and their status", "order waits for kafka (failed)", "", examine)
