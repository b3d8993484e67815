"""A service whose requests take several times as long as when all was well: its own work, or a call's."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts, crowding
from devctl.diagnosis.requests import SLOW_FACTOR, Slow
from devctl.diagnosis.rules.base import Rule
from devctl.diagnosis.spans import span_evidence
from devctl.text import duration

_STANDS_OUT = 3.0
"""Where everything became slow, the machine is busy: the cause is who lost several times as much as the next."""

_MOST_SLOW = 0.5


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield how much slower it is and where the time goes; nothing where all are slow alike."""
    factor = SLOW_FACTOR * crowding(facts)
    entries = [e for e in facts.requests.slow if e.service == name and e.now_ms >= e.before_ms * factor]
    if entries and not is_load(facts):
        entry = max(entries, key=lambda each: each.now_ms - each.before_ms)
        yield cause_of(facts, entry)


def is_load(facts: Facts) -> bool:
    """Tell whether slowness is everywhere and nobody stands out: load, and no fault of a service."""
    worst: dict[str, float] = {}
    for each in facts.requests.slow:
        worst[each.service] = max(worst.get(each.service, 0.0), each.self_now_ms - each.self_before_ms)
    lost = sorted(worst.values(), reverse=True)
    services = {service for service, _ in facts.traffic.recent.intake}
    is_wide = len({each.service for each in facts.requests.slow}) > max(_MOST_SLOW * len(services), 2)
    return is_wide and len(lost) > 1 and lost[0] < _STANDS_OUT * max(lost[1], 1.0)


def cause_of(facts: Facts, entry: Slow) -> Cause:
    """Return what a slow operation says of its service."""
    before, now = duration(entry.before_ms / 1e3), duration(entry.now_ms / 1e3)
    inside = duration(entry.self_now_ms / 1e3)
    text = f"{entry.operation} takes {now}, was {before} when all was well; {inside} of it outside of calls"
    evidence = [span_evidence(entry.example, text)]
    if entry.callee and not entry.is_its_own:
        took = duration(entry.callee_ms / 1e3)
        evidence.append(span_evidence(entry.example, f"{took} of it lie in calls of {entry.callee}"))
    where = "in itself" if entry.is_its_own else f"in calls of {entry.callee}" if entry.callee else "nobody tells where"
    silent = tuple(other for other in facts.references(entry.service) if other in facts.silent)
    return Cause(
        entry.service,
        "slow",
        f"{entry.service} takes {now} for {entry.operation} instead of {before}, most of it {where}",
        f"See where its time goes: `devctl traces {entry.example.trace.hex()[:16]}`.",
        tuple(evidence),
        Confidence.LIKELY,
        blames=silent
        if entry.is_its_own
        else (entry.callee,)
        if entry.callee
        else tuple(facts.references(entry.service)),
        since_ns=entry.since_ns,
        rank=44,
    )


RULE = Rule(
    "slow",
    "the median of each operation against the first minutes of the run (else the run before), and its time "
    "outside of calls",
    "catalog takes 1.2 s for GET /products instead of 12 ms, most of it in itself",
    "See where its time goes: `devctl traces TRACE`.",
    examine,
)
