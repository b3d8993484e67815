"""Something that fails inside of requests which are answered as good."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule
from devctl.diagnosis.spans import span_evidence


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield what fails unseen."""
    entries = [entry for entry in facts.requests.swallowed if entry.service == name]
    if not entries:
        return
    entry = max(entries, key=lambda each: each.count)
    text = f"{entry.step} failed {entry.count} times in {entry.requests} requests of {entry.operation} answered as good"
    yield Cause(
        name,
        "swallowed-error",
        f"{name} answers {entry.operation} as good though {entry.step} fails in it",
        f"See the error in `devctl traces {entry.example.trace.hex()[:16]}`; let {name} answer with it, or mend it.",
        (span_evidence(entry.example, text),),
        Confidence.CERTAIN,
        blames=(entry.callee,) if entry.callee else (),
        is_intrinsic=not entry.callee,
        since_ns=entry.example.start_ns,
        rank=43,
    )


RULE = Rule(
    "swallowed-error",
    "steps and calls that fail inside of requests without an error of their own, and did not when all was well",
    "payment answers POST /charges as good though GET ledger fails in it",
    "See the error in its trace; let payment answer with it, or mend it.",
    examine,
)
