"""A start that goes on: its check does not pass yet, and nothing says that it will not."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.state import Instance
from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause, Confidence, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts, brief
from devctl.diagnosis.rules.base import Rule, evidence_of
from devctl.text import duration

IDLE_SECONDS = 4.0
"""A start that has worked little for so long waits for something; programs that load use the processor."""

BUSY_SECONDS = 15.0
"""A start that works is slow from here on: the slowest of the products that devctl starts, Kafka, takes half."""

_IDLE_SHARE = 0.1


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield that it is still starting; weak while that is nothing unusual."""
    if facts.status(name) is not Status.STARTING or (instance := facts.worst(name)) is None:
        return
    age, check = facts.age_seconds(instance), facts.check(name)
    limit = check.start_period_seconds if check else 0.0
    answer = facts.answer(instance)
    seen = f"{check.describe()} {_answered(answer)}" if check else "it is not ready"
    evidence = [*evidence_of(facts, name, instance), *_work(facts, name, instance, age)]
    yield Cause(
        name,
        "slow-start",
        f"{name} has run for {age:.1f} s but its check does not pass yet: {seen}",
        _next(name, age, limit),
        tuple(evidence),
        Confidence.NONE,
        blames=tuple(facts.references(name)),
        is_weak=not is_slow(facts, instance),
        since_ns=instance.started_ns,
        rank=80,
        instance=instance.id,
    )


def is_slow(facts: Facts, instance: Instance) -> bool:
    """Tell whether a start takes longer than one that simply works."""
    age = facts.age_seconds(instance)
    return age >= BUSY_SECONDS or (age >= IDLE_SECONDS and facts.is_live and _share(facts, instance) < _IDLE_SHARE)


def _share(facts: Facts, instance: Instance) -> float:
    """Return how much of the core that it could have its processes used since the start."""
    used = sum(entry.cpu_seconds for entry in facts.processes(instance))
    return used * facts.survey.waiting_per_core / max(facts.age_seconds(instance), 0.1)


def _work(facts: Facts, name: str, instance: Instance, age: float) -> Iterator[Evidence]:
    processes = facts.processes(instance)
    if processes:
        used = sum(entry.cpu_seconds for entry in processes)
        text = f"its processes have used {used:.1f} s of processor time in {age:.1f} s"
        yield Evidence(EvidenceKind.PROCESS, name, text, 0, {"pid": instance.pid})


def _answered(answer: str) -> str:
    return f"answers {brief(answer)!r}" if answer else "has not been answered"


def _next(name: str, age: float, limit: float) -> str:
    if limit > age:
        left = duration(limit - age)
        return (
            f"Wait: it has {left} more before it counts as unhealthy. `devctl logs -f {name}` shows what it does; "
            f"if it "
            f"needs longer, raise healthcheck.start_period of {name}."
        )
    return f"`devctl logs -f {name}` shows what it does; if it needs longer, raise healthcheck.start_period of {name}."


RULE = Rule(
    "slow-start",
    "how long it has run, the processor time it used, what its check sees",
    "api has run for 12.0 s but its check does not pass yet: GET /health on port http answers 'connection refused'",
    "Wait for the rest of healthcheck.start_period, or raise it.",
    examine,
)
