"""A service that has yet to be started or is being stopped, and why."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield that it is on its way; weak, since nothing is wrong with that."""
    derived = facts.snapshot.status(name)
    instance = facts.worst(name)
    if derived.status not in (Status.PENDING, Status.STOPPING) or (instance and instance.restart_at):
        return
    reason = derived.reason or facts.snapshot.service_state(name).cause
    state = "is not started yet" if derived.status is Status.PENDING else "is being stopped"
    sentence = f"{name} {state}" + (f" ({reason})" if reason else "")
    yield Cause(name, "on-its-way", sentence, "Wait a moment, then look again.", (), Confidence.NONE,
                is_weak=True, rank=85)  # fmt: skip


RULE = Rule(
    "on-its-way",
    "the status of the service",
    "jaeger is not started yet (its program is being fetched)",
    "Wait a moment, then look again.",
    examine,
)
