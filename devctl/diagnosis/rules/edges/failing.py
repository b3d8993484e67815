"""A service that answers with errors: by itself, or since its calls to another one fail."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts, variable_with
from devctl.diagnosis.loglines import line_evidence
from devctl.diagnosis.requests import Failing
from devctl.diagnosis.rules.base import Rule
from devctl.diagnosis.spans import span_evidence

CALLERS_FAULT = frozenset({400, 401, 403, 405, 406, 409, 411, 413, 414, 415, 422, 428})
"""What a service answers to a request that is wrong in itself (RFC 9110, 15.5)."""

_ERRORS = ("error", "fatal")


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield for each operation that fails whose fault that is."""
    for entry in facts.requests.failing:
        if entry.service == name:
            yield _cause(facts, entry)


def _cause(facts: Facts, entry: Failing) -> Cause:
    target = entry.main
    if not target:
        return _itself(facts, entry)
    if target.startswith("?"):
        return _stranger(facts, entry, target[1:])
    if is_wrong_request(entry, target):
        return _wrong_request(entry, target)
    share = f"{len(entry.targets[target])} of {entry.count} failed requests end in a call of {target} that"
    verb = "is not answered" if target in entry.unanswered else "fails"
    return Cause(
        entry.service,
        "callee-fails",
        f"{entry.service} answers {entry.operation} with errors ({entry.count} of {entry.requests}), since its "
        f"calls of "
        f"{target} {'are not answered' if target in entry.unanswered else 'fail'}",
        f"Mend {target} first (`devctl why {target}`).",
        (span_evidence(entry.targets[target][-1], f"{share} {verb}"),),
        Confidence.CERTAIN,
        blames=(target,),
        since_ns=entry.since_ns,
        rank=42,
    )


def is_wrong_request(entry: Failing, target: str) -> bool:
    """Tell whether the callee refuses the requests for what is in them."""
    statuses = entry.statuses.get(target, set())
    return bool(statuses) and statuses <= CALLERS_FAULT


def _itself(facts: Facts, entry: Failing) -> Cause:
    lines = [line for i in facts.instances(entry.service) for line in facts.lines(i)]
    errors = [line for line in lines if line.level in _ERRORS and line.at_ns >= entry.since_ns - 1_000_000_000]
    text = f"{entry.count} of {entry.requests} requests of {entry.operation} failed, and no call of theirs did"
    evidence = [span_evidence(entry.example, text), line_evidence(entry.service, errors[-5:], "it wrote")]
    shown = f": {errors[-1].text[:160]}" if errors else ""
    return Cause(
        entry.service,
        "errors",
        f"{entry.service} answers {entry.operation} with errors ({entry.count} of {entry.requests}){shown}",
        f"See what such a request did: `devctl traces {entry.example.trace.hex()[:16]}`; then mend {entry.service}.",
        tuple(piece for piece in evidence if piece),
        Confidence.CERTAIN,
        blames=tuple(other for other in facts.references(entry.service) if other in facts.silent),
        since_ns=entry.since_ns,
        rank=46,
    )


def _stranger(facts: Facts, entry: Failing, target: str) -> Cause:
    variable = variable_with(facts, entry.service, target.rpartition(":")[2].split("/")[0])
    where = f"{variable} of {entry.service}" if variable else f"the address that {entry.service} uses"
    call = entry.targets[f"?{target}"][-1]
    text = f"{len(entry.targets[f'?{target}'])} of its calls ({call.operation}) to {target} were not answered"
    return Cause(
        entry.service,
        "unknown-peer",
        f"{entry.service} calls {target}, which is no service of the stack, and gets no answer",
        f"Correct {where} (write ${{services.NAME.PORT}}), then `devctl up {entry.service}`.",
        (span_evidence(call, text),),
        Confidence.LIKELY,
        blames=tuple(other for other in facts.references(entry.service) if other in facts.silent),
        since_ns=entry.since_ns,
        rank=41,
    )


def _wrong_request(entry: Failing, target: str) -> Cause:
    statuses = ", ".join(str(status) for status in sorted(entry.statuses[target]))
    call = entry.targets[target][-1]
    return Cause(
        entry.service,
        "wrong-request",
        f"{entry.service} asks {target} for what it refuses: {call.operation} is answered {statuses}",
        f"Look at what {entry.service} sends (`devctl traces {call.trace.hex()[:16]}`), and mend its call of {target}.",
        (span_evidence(call, f"{target} answers {len(entry.targets[target])} calls with {statuses}"),),
        Confidence.CERTAIN,
        is_intrinsic=True,
        since_ns=entry.since_ns,
        rank=41,
    )


RULE = Rule(
    "errors",
    "requests that fail, and whether a call inside of them does",
    "order answers POST /orders with errors (14 of 20): KeyError: 'amount'",
    "See what such a request did, then mend order.",
    examine,
)
