"""An instance that a person paused, and nobody let go on."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core import events as happened
from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield which instance is paused, and since when."""
    pauses = {e.instance: e for e in facts.events if isinstance(e, happened.InstancePaused)}
    for instance in facts.instances(name):
        if instance.status is not Status.PAUSED:
            continue
        subject = name if len(facts.instances(name)) == 1 else instance.id
        pause = pauses.get(instance.id)
        since_ns = pause.at_ns if pause else 0
        pointer: dict[str, str | int] = {"type": "instance_paused"}
        yield Cause(
            name,
            "paused",
            f"{subject} is paused: it lives and does nothing",
            f"`devctl unpause {subject}` lets it go on.",
            (Evidence(EvidenceKind.EVENT, name, f"{instance.id} was paused", since_ns, pointer),),
            is_intrinsic=True,
            since_ns=since_ns,
            rank=1,
            instance=instance.id,
        )


RULE = Rule(
    "paused",
    "the status of each instance and the last pause",
    "payment is paused: it lives and does nothing",
    "`devctl unpause payment` lets it go on.",
    examine,
)
