"""The chain of causes from a service that is not good down to the root, in sentences. Pure over its evidence.

All sentences of `why` stand in the two tables below; the front ends only lay them out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from devctl.core.decide import variant_of
from devctl.core.state import Instance, ServiceState
from devctl.core.status import Status
from devctl.diagnosis.evidence import Evidence
from devctl.diagnosis.views import CauseView, WhyView
from devctl.views.snapshot import StackSnapshot

_MESSAGES = {
    Status.BLOCKED: "{name} waits for {waits}",
    Status.PENDING: "{name} is not started yet{because}",
    Status.STARTING: "{name} has run for {age} but its check does not pass yet: {check}{answer}",
    Status.UNHEALTHY: "{name} is alive, but its check fails: {check}{answer}",
    Status.STOPPING: "{name} is being stopped{because}",
    Status.STOPPED: "{name} is stopped{because}",
    Status.FAILED: "{name} failed: {reason}",
    Status.UNAVAILABLE: "{name} cannot be had on this machine: {reason}",
}

_NEXT = {
    Status.BLOCKED: "",
    Status.PENDING: "Wait a moment, then look again.",
    Status.STARTING: "Look at `devctl logs {name}`; if it only needs longer, raise healthcheck.start_period.",
    Status.UNHEALTHY: "Look at `devctl logs {name}` and `devctl health {name}`; `devctl restart {name}` may help.",
    Status.STOPPING: "",
    Status.STOPPED: "`devctl start {name}` starts it.",
    Status.FAILED: "Read its last lines above, mend it, then `devctl up {name}`.",
    Status.UNAVAILABLE: "",
}

_WORST_FIRST = (Status.FAILED, Status.UNAVAILABLE, Status.UNHEALTHY, Status.BLOCKED)
"""Of several that are waited for, what failed is the cause before what is only slow."""


def explain(evidence: Evidence, names: Collection[str] = ()) -> list[WhyView]:
    """Explain each of `names` (none: each service that people see and that is not good)."""
    snapshot = evidence.snapshot
    names = names or [name for name in snapshot.shown if not snapshot.status(name).is_good]
    return [_explain_service(evidence, name) for name in names]


def _explain_service(evidence: Evidence, name: str) -> WhyView:
    chain = [_cause(evidence, link) for link in _chain(evidence.snapshot, name)]
    return {"service": name, "status": evidence.snapshot.status(name).status.value, "chain": chain}


def _chain(snapshot: StackSnapshot, name: str) -> Iterator[str]:
    """Yield `name` and what it waits for, down to what waits for nobody; nothing when it is good."""
    passed: set[str] = set()
    while name and name not in passed and not snapshot.status(name).is_good:
        passed.add(name)
        yield name
        name = _likeliest(snapshot, snapshot.status(name).waits_for)


def _likeliest(snapshot: StackSnapshot, waits_for: Iterable[str]) -> str:
    """Return the likeliest cause among services that are waited for, empty when there are none."""

    def rank(name: str) -> int:
        status = snapshot.status(name).status
        return _WORST_FIRST.index(status) if status in _WORST_FIRST else len(_WORST_FIRST)

    return min(waits_for, key=rank, default="")


def _cause(evidence: Evidence, name: str) -> CauseView:
    derived = evidence.snapshot.status(name)
    instance = _worst(evidence.snapshot.service_state(name), derived.status)
    facts = _facts(evidence, name, instance)
    return {
        "service": name,
        "instance": instance.id if instance else "",
        "status": derived.status.value,
        "says": _MESSAGES.get(derived.status, "{name} is {status}").format_map(facts),
        "next": derived.remedy or _NEXT.get(derived.status, "").format_map(facts),
        "exit_code": instance.exit_code if instance and instance.ended else None,
        "answer": evidence.answer(instance),
        "lines": evidence.last_lines(instance) if instance and derived.status is not Status.BLOCKED else [],
    }


def _facts(evidence: Evidence, name: str, instance: Instance | None) -> dict[str, str]:
    """Return what stands in the braces of a sentence about one service."""
    snapshot = evidence.snapshot
    derived, service_state = snapshot.status(name), snapshot.service_state(name)
    variant = variant_of(snapshot.service(name), service_state)
    reason, answer = derived.reason or service_state.cause, evidence.answer(instance)
    return {
        "name": name,
        "status": derived.status.value,
        "reason": reason or "nobody knows why",
        "because": f" ({reason})" if reason else "",
        "waits": ", ".join(f"{other} ({snapshot.status(other).status.value})" for other in derived.waits_for),
        "age": f"{evidence.age_seconds(instance):.1f} s",
        "check": variant.check.describe() if variant and variant.check else "its check",
        "answer": f" answers {answer!r}" if answer else "",
    }


def _worst(service_state: ServiceState, status: Status) -> Instance | None:
    instances = list(service_state.instances.values())
    return next((i for i in instances if i.status is status), instances[0] if instances else None)
