"""A service that fails since its entry in the manifest was changed."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core import events as happened
from devctl.diagnosis.evidence import Cause, Confidence, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule

_MOST_SHOWN = 4


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield what changed; weak until something else says that the service suffers."""
    change = facts.manifest_changes.get(name)
    if change is None:
        return
    where = f"{change.file}:{change.line}" if change.line else change.file
    pointer: dict[str, str | int] = {"file": change.file, "line": change.line}
    at_ns = _planned(facts, name)
    evidence = tuple(
        Evidence(EvidenceKind.CHANGE, name, f"{text} ({where})", at_ns, pointer) for text in change.texts[:_MOST_SHOWN]
    )
    yield Cause(
        name,
        "changed",
        f"{name} fails since its entry in the manifest changed: {change.texts[0]}",
        f"Put it back in {where}, or mend it; then `devctl up {name}`.",
        evidence,
        Confidence.LIKELY,
        is_weak=True,
        since_ns=at_ns,
        rank=18,
    )


def _planned(facts: Facts, name: str) -> int:
    """Return when the definition of a service that is in force was planned."""
    plans = [e for e in facts.events if isinstance(e, happened.Planned) and any(g.service == name for g in e.goals)]
    return plans[-1].at_ns if plans else 0


RULE = Rule(
    "changed",
    "the manifest's entry now and when all was well, with its file and line",
    "order fails since its entry in the manifest changed: CATALOG_URL was ${services.catalog.http}, is http://old",
    "Put it back, or mend it; then `devctl up order`.",
    examine,
)
