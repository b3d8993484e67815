"""One query or call for each item, where there was one for all (N+1)."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule
from devctl.diagnosis.spans import span_evidence


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield the thing that each request does again and again."""
    entries = [entry for entry in facts.requests.repeated if entry.service == name]
    if not entries:
        return
    entry = max(entries, key=lambda each: each.now)
    before = f", {entry.before:.2g} times when all was well" if entry.before else ""
    text = f"each {entry.operation} does {entry.child!r} {entry.now:.0f} times{before}"
    yield Cause(
        name,
        "n-plus-1",
        f"{name} does {entry.child!r} {entry.now:.0f} times in each {entry.operation}{before}",
        f"Ask for all at once, or keep what was asked before; `devctl traces {entry.example.trace.hex()[:16]}` "
        f"shows one.",
        (span_evidence(entry.example, text),),
        Confidence.CERTAIN if entry.before else Confidence.LIKELY,
        is_intrinsic=True,
        since_ns=entry.example.start_ns,
        rank=31,
    )


RULE = Rule(
    "n-plus-1",
    "how often a request does the same thing, now and when all was well",
    "cart does 'GET /products/{id}' 24 times in each GET /cart, 1 times when all was well",
    "Ask for all at once, or keep what was asked before.",
    examine,
)
