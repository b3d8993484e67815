"""A service that is slow or hangs while one of its processes uses a whole core."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause, Confidence, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts, probe_evidence
from devctl.diagnosis.rules.base import Rule

_WHOLE_CORE = 0.75
"""Of one core: what a program that spins gets, beside others on a busy machine."""


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield which process spins; only services that suffer are looked at."""
    suffers = facts.status(name) is Status.UNHEALTHY or any(
        each.service == name and each.is_its_own for each in facts.requests.slow
    )
    if not suffers or not facts.is_live:
        return
    shares = facts.processor_shares
    for instance in facts.instances(name):
        busy = [entry for entry in facts.processes(instance) if shares.get(entry.pid, 0.0) >= _WHOLE_CORE]
        if busy:
            entry = max(busy, key=lambda each: shares[each.pid])
            text = f"pid {entry.pid} ({entry.name}) of {instance.id} uses {shares[entry.pid]:.0%} of a core"
            evidence = [
                Evidence(EvidenceKind.PROCESS, name, text, 0, {"pid": entry.pid}),
                probe_evidence(facts, name, instance),
            ]
            yield Cause(
                name,
                "processor",
                f"{name} is busy with itself: {text}",
                f"See what it computes: `py-spy dump --pid {entry.pid}` (jstack, pprof), `devctl traces --service "
                f"{name}`.",
                tuple(piece for piece in evidence if piece),
                Confidence.LIKELY,
                is_intrinsic=True,
                rank=14,
                instance=instance.id,
            )
            return


RULE = Rule(
    "processor",
    "what each process of a service that is slow or unhealthy uses of the processor over a quarter of a second",
    "report is busy with itself: pid 4711 (python) of report.1 uses 99% of a core",
    "See what it computes: `py-spy dump --pid 4711`.",
    examine,
)
