"""A service whose callers fail: it does not answer, answers too late, or answers what it should not."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.requests import Failing
from devctl.diagnosis.rules.base import Rule
from devctl.diagnosis.rules.edges.failing import is_wrong_request
from devctl.diagnosis.spans import span_evidence
from devctl.text import duration, listing

_OTHER_ERRORS = 500


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield how a service fails its callers, as their spans tell."""
    entries = [entry for entry in facts.requests.failing if name in entry.targets and not is_wrong_request(entry, name)]
    if not entries:
        return
    entry = max(entries, key=lambda each: len(each.targets[name]))
    callers = listing(dict.fromkeys(each.service for each in entries))
    if name in entry.unanswered:
        yield _silent(facts, name, entry, callers)
        return
    statuses = {status for status in entry.statuses.get(name, ()) if 400 <= status < _OTHER_ERRORS}
    if statuses:
        yield _wrong_status(name, entry, statuses)
    elif not any(each.service == name for each in facts.requests.failing):
        yield _late(facts, name, entry, callers)


def _silent(facts: Facts, name: str, entry: Failing, callers: str) -> Cause:
    calls = entry.targets[name]
    waits = duration(max(call.duration_ns for call in calls) / 1e9)
    return Cause(
        name,
        "no-answer",
        f"{name} does not answer {callers}",
        f"See whether it runs and listens (`devctl health {name}`, `devctl logs {name}`); "
        f"`devctl restart {name}` if it hangs.",
        (span_evidence(calls[-1], f"{len(calls)} calls of {entry.service} got no answer within up to {waits}", name),),
        Confidence.LIKELY,
        blames=tuple(facts.references(name)),
        since_ns=min(call.start_ns for call in calls),
        rank=47,
    )


def _wrong_status(name: str, entry: Failing, statuses: set[int]) -> Cause:
    calls, shown = entry.targets[name], ", ".join(map(str, sorted(statuses)))
    return Cause(
        name,
        "wrong-status",
        f"{name} answers {entry.service} with {shown}, which fails for it",
        f"See what it was asked for (`devctl traces {calls[-1].trace.hex()[:16]}`) and why {name} answers {shown}.",
        (span_evidence(calls[-1], f"{len(calls)} calls of {entry.service} were answered {shown}", name),),
        Confidence.LIKELY,
        is_intrinsic=True,
        since_ns=min(call.start_ns for call in calls),
        rank=43,
    )


def _late(facts: Facts, name: str, entry: Failing, callers: str) -> Cause:
    calls = entry.targets[name]
    waits = duration(max(call.duration_ns for call in calls) / 1e9)
    return Cause(
        name,
        "too-late",
        f"{name} answers later than {callers} waits ({waits})",
        f"See where its time goes: `devctl traces {calls[-1].trace.hex()[:16]}`.",
        (span_evidence(calls[-1], f"{len(calls)} calls of {entry.service} were given up after up to {waits}", name),),
        Confidence.LIKELY,
        blames=tuple(facts.references(name)),
        since_ns=min(call.start_ns for call in calls),
        rank=48,
    )


RULE = Rule(
    "no-answer",
    "calls of others that no request of the service answers, or that it answers with another status than before",
    "catalog does not answer gateway and order",
    "See whether it runs and listens; `devctl restart catalog` if it hangs.",
    examine,
)
