"""A service that a person stopped, or that shall have no instance, while others need it."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core import events as happened
from devctl.core.status import SCALED_TO_ZERO, Status
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield that it is stopped, and since when."""
    derived = facts.snapshot.status(name)
    if derived.status is not Status.STOPPED:
        return
    stops = [e for e in facts.events if isinstance(e, happened.InstanceStopped) and e.service == name]
    evidence = tuple(
        Evidence(EvidenceKind.EVENT, name, f"{stop.instance} was stopped", stop.at_ns, {"type": "instance_stopped"})
        for stop in stops[-1:]
    )
    is_scaled = derived.reason == SCALED_TO_ZERO
    cause = derived.reason or facts.snapshot.service_state(name).cause
    sentence = f"{name} is stopped" + (f" ({cause})" if cause else "")
    remedy = derived.remedy if is_scaled else f"`devctl start {name}` starts it."
    since = stops[-1].at_ns if stops else 0
    yield Cause(
        name, "stopped", sentence, remedy, evidence, is_intrinsic=True, is_weak=is_scaled, since_ns=since, rank=15
    )


RULE = Rule("stopped", "the status and the last stop", "kafka is stopped (on request)", "`devctl start kafka`", examine)
