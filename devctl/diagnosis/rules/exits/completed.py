"""A service that ended with 0 though it has ports to serve, or left processes behind, as one that daemonizes does."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.loglines import line_evidence
from devctl.diagnosis.rules.base import Rule


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield that it is done, where it was to listen and is no job, and what became of what it left behind."""
    instance = facts.worst(name)
    is_done = facts.status(name) is Status.COMPLETED and name not in facts.snapshot.graph.jobs
    if not is_done or instance is None or not (facts.snapshot.service(name).ports or instance.reason):
        return
    what = f"; {instance.reason}" if instance.reason else ", though it has ports to serve"
    pointer: dict[str, str | int] = {"instance": instance.id, "type": "instance_exited", "code": 0}
    ended = Evidence(EvidenceKind.EXIT, name, f"{instance.id} ended with exit code 0", 0, pointer)
    evidence = [ended, line_evidence(name, facts.lines(instance)[-5:])]
    yield Cause(
        name,
        "exit-0",
        f"{name} ended with exit code 0{what}",
        f"Its program is done rather than serving: run it in the foreground, then `devctl up {name}`.",
        tuple(piece for piece in evidence if piece),
        is_intrinsic=True,
        rank=40,
        instance=instance.id,
    )


RULE = Rule(
    "exit-0",
    "exit code 0 of a service with ports, or that left processes behind",
    "api ended with exit code 0, though it has ports to serve",
    "Run it in the foreground, then `devctl up api`.",
    examine,
)
