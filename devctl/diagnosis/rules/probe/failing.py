"""A check that fails with an answer that no other rule reads."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause
from devctl.diagnosis.facts import Facts, brief
from devctl.diagnosis.rules.answers import unready_since
from devctl.diagnosis.rules.base import Rule, evidence_of


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield what the check of an unhealthy service sees."""
    instance = facts.worst(name)
    if facts.status(name) is not Status.UNHEALTHY or instance is None:
        return
    check, answer = facts.check(name), facts.answer(instance) or instance.reason
    what = check.describe() if check else "its check"
    advice = f"Look at `devctl logs {name}` and `devctl health {name}`"
    refused = "refused" in answer and "listens" not in answer
    yield Cause(
        name,
        "not-listening" if refused else "unhealthy",
        f"{name} is alive, but its check fails: {what}" + (f" answers {brief(answer)!r}" if answer else ""),
        f"{advice}: it does not listen on that port." if refused else f"{advice}.",
        evidence_of(facts, name, instance),
        blames=tuple(facts.references(name)),
        since_ns=unready_since(facts, name),
        rank=60,
        instance=instance.id,
    )


RULE = Rule(
    "unhealthy",
    "the answer to the check",
    "api is alive, but its check fails: GET /health on port http answers 'connection refused'",
    "Look at `devctl logs api` and `devctl health api`.",
    examine,
)
