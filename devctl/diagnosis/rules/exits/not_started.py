"""A program that could not be started at all."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule

_PERMISSION = ("not executable", "ermission denied")
_TAKEN = "ddress already in use"
_MISSING = ("o such file", "does not exist", "no such program", "not found")


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield why the start was refused, as the runner said."""
    for instance in facts.instances(name):
        if instance.status is Status.FAILED and not instance.ended:
            reason = instance.reason or "it could not be started"
            if _TAKEN in reason:
                continue  # `address_in_use` says who has it
            pointer = {"type": "start_failed", "instance": instance.id}
            evidence = Evidence(EvidenceKind.EVENT, name, reason, facts.wall_ns(instance.spawned), pointer)
            remedy = instance.remedy or f"See the command of {name} in the manifest."
            yield Cause(
                name,
                _kind(reason),
                f"{name} failed: {reason}",
                f"{remedy[:1].upper()}{remedy[1:]}{'' if remedy.endswith('.') else '.'}",
                (evidence,),
                is_intrinsic=True,
                rank=5,
                instance=instance.id,
            )


def _kind(reason: str) -> str:
    if any(text in reason for text in _PERMISSION):
        return "permission"
    return "program-missing" if any(text in reason for text in _MISSING) else "cannot-start"


RULE = Rule(
    "program-missing",
    "what the system answered when the program was to be started",
    "api failed: api.1 cannot be started: no such program: uvicorn",
    "where the program lies, or how to get it",
    examine,
)
