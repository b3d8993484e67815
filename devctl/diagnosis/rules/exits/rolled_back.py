"""A change that was taken back, since the new instance did not become healthy."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core import events as happened
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield why the last change of a service was taken back."""
    reason = facts.snapshot.service_state(name).rolled_back
    if not reason:
        return
    failures = [e for e in facts.events if isinstance(e, happened.RolloutFailed) and e.service == name]
    at_ns = failures[-1].at_ns if failures else 0
    pointer = {"type": "rollout_failed", "service": name}
    evidence = Evidence(EvidenceKind.EVENT, name, f"the new instance: {reason}", at_ns, pointer)
    yield Cause(
        name,
        "rolled-back",
        f"{name} runs as before its last change, which was taken back: {reason}",
        f"Mend the change, then `devctl up {name}`; `devctl logs {name}` has what the new instance wrote.",
        (evidence,),
        is_intrinsic=True,
        since_ns=at_ns,
        rank=17,
    )


RULE = Rule(
    "rolled-back",
    "the failed replacement of an instance",
    "order runs as before its last change, which was taken back: ended with exit code 1",
    "Mend the change, then `devctl up order`.",
    examine,
)
