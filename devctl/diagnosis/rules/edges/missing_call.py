"""A call that every request made and that none makes any more, or whose trace ends at the caller."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.requests import Missing
from devctl.diagnosis.rules.base import Rule
from devctl.diagnosis.spans import span_evidence


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield which call is missing; one that goes to a service of which nothing is heard is told there."""
    for entry in facts.requests.missing:
        if entry.service == name:
            yield _lost(entry) if entry.is_lost_context else _missing(entry)
            return


def _missing(entry: Missing) -> Cause:
    text = (
        f"{entry.before} requests of {entry.operation} called {entry.callee} when all was well, of the last "
        f"{entry.now} "
        "none did"
    )
    return Cause(
        entry.service,
        "missing-call",
        f"{entry.service} answers {entry.operation} as good and does not call {entry.callee} any more",
        f"See what changed in {entry.service}: where it called {entry.callee}, and what it catches there.",
        (span_evidence(entry.example, text),),
        Confidence.CERTAIN,
        is_intrinsic=True,
        since_ns=entry.example.start_ns,
        rank=36,
    )


def _lost(entry: Missing) -> Cause:
    text = f"calls of {entry.callee} by {entry.operation} had its requests in their trace; now these stand alone"
    return Cause(
        entry.service,
        "lost-trace-context",
        f"{entry.service} does not pass the trace on to {entry.callee} any more",
        f"Send the traceparent header with the calls of {entry.callee} (instrument the client of {entry.service} "
        f"again).",
        (span_evidence(entry.example, text),),
        Confidence.CERTAIN,
        is_intrinsic=True,
        since_ns=entry.example.start_ns,
        rank=36,
    )


RULE = Rule(
    "missing-call",
    "the calls that every request of an operation made when all was well; requests that belong to no trace",
    "order answers POST /orders as good and does not call catalog any more",
    "See what changed in order: where it called catalog, and what it catches there.",
    examine,
)
