"""A disk under the stack with no room left."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule
from devctl.machine.survey import free_bytes
from devctl.text import size

_LEAST_BYTES = 8 << 20
"""Less than this is full: a database's journal or a segment of a log takes as much at once."""


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield that the disk of a service's folder is full; weak while nothing suffers from it."""
    if not facts.is_live or facts.variant(name) is None:
        return
    for folder in _folders(facts, name):
        room = free_bytes(folder)
        if room is not None and room[0] < _LEAST_BYTES and room[1] > 0:
            text = f"{size(room[0])} of {size(room[1])} are free on the disk of {folder}"
            yield Cause(
                name,
                "disk-full",
                f"the disk on which {name} writes is full: {text}",
                f"Make room on it (`devctl prune` deletes past runs); then `devctl restart {name}`.",
                (Evidence(EvidenceKind.DISK, name, text, 0, {"folder": folder, "free_bytes": room[0]}),),
                is_intrinsic=True,
                is_weak=True,
                rank=11,
            )
            return


def _folders(facts: Facts, name: str) -> Iterator[str]:
    variant = facts.variant(name)
    assert variant is not None
    yield from variant.folders
    yield from (value for value in variant.environment.values() if value.startswith("/") and "\0" not in value)
    yield variant.working_dir or facts.spec.folder


RULE = Rule(
    "disk-full",
    "the free bytes where the service writes; its last lines (`No space left on device`)",
    "the disk on which order writes is full: 0 B of 2.0 GB are free on the disk of /var/lib/order",
    "Make room on it; then `devctl restart order`.",
    examine,
)
