"""A process that lives but cannot run: stopped by a signal or a debugger, or stuck in the kernel."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.state import Instance
from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts, probe_evidence
from devctl.diagnosis.rules.base import Rule
from devctl.machine.survey import UNINTERRUPTIBLE, Entry


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield which process of which instance is held."""
    for instance in facts.instances(name):
        if instance.status is Status.PAUSED:  # held on request
            continue
        entries = facts.processes(instance)
        held = [entry for entry in entries if entry.is_stopped]
        if held:
            yield _cause(facts, name, instance, held[0], f"is stopped (state {held[0].state})")
        elif stuck := [entry for entry in entries if entry.state == UNINTERRUPTIBLE and _is_failing(facts, instance)]:
            yield _cause(facts, name, instance, stuck[0], "waits in the kernel for a disk (state D)")


def _is_failing(facts: Facts, instance: Instance) -> bool:
    return not facts.snapshot.status(instance.service).is_good


def _cause(facts: Facts, name: str, instance: Instance, entry: Entry, what: str) -> Cause:
    pointer: dict[str, str | int] = {"pid": entry.pid, "state": entry.state, "instance": instance.id}
    text = f"pid {entry.pid} ({entry.name}) of {instance.id} {what}"
    evidence = [Evidence(EvidenceKind.PROCESS, name, text, 0, pointer), probe_evidence(facts, name, instance)]
    is_stopped = entry.is_stopped
    subject = name if len(facts.instances(name)) == 1 else instance.id
    return Cause(
        name,
        "process-stopped" if is_stopped else "process-stuck",
        f"{subject} lives but does not run: pid {entry.pid} ({entry.name}) {what}",
        f"`kill -CONT {entry.pid}` lets it go on, unless a debugger holds it."
        if is_stopped
        else f"See what it waits for: `cat /proc/{entry.pid}/wchan`, and whether its disk answers.",
        tuple(piece for piece in evidence if piece),
        is_intrinsic=True,
        rank=1,
        instance=instance.id,
    )


RULE = Rule(
    "process-stopped",
    "the state of every process of an instance (T, t, D in /proc)",
    "postgres lives but does not run: pid 4711 (postgres) is stopped (state T)",
    "`kill -CONT 4711` lets it go on.",
    examine,
)
