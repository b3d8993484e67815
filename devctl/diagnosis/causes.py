"""Why a service is not good: the chain of blame from it down to the root cause, in sentences.

All sentences of `why` stand in the two tables below; the front ends only lay them out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from devctl.clock import Clock
from devctl.core.decide import variant_of
from devctl.core.derived import Standing, standing
from devctl.core.spec import Service
from devctl.core.state import Instance, ServiceState
from devctl.core.status import GOOD, Status
from devctl.record import logs
from devctl.record.store import Run
from devctl.session.protocol import CauseView, WhyView
from devctl.views.status import Picture

LAST_LINES = 20

_SAYS = {
    Status.BLOCKED: "{name} waits for {waits}",
    Status.PENDING: "{name} is not started yet{because}",
    Status.STARTING: "{name} runs for {age} but its check does not pass yet: {check}{answer}",
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


def why(
    seen: Picture, names: Collection[str], answers: Mapping[str, str], run: Run | None, clock: Clock
) -> list[WhyView]:
    """Explain each of `names` (none: each service that people see and that is not good)."""
    asked = names or [name for name in seen.shown if _stands(seen, name).status not in GOOD]
    return [_why_one(seen, name, answers, run, clock) for name in asked]


def _why_one(seen: Picture, name: str, answers: Mapping[str, str], run: Run | None, clock: Clock) -> WhyView:
    chain = [_cause(seen, link, answers, run, clock) for link in _chain(seen, name)]
    return {"service": name, "status": _stands(seen, name).status.value, "chain": chain}


def _chain(seen: Picture, name: str) -> Iterable[str]:
    """Yield `name` and what it waits for, down to what waits for nobody; nothing when it is good."""
    passed: set[str] = set()
    while name and name not in passed and _stands(seen, name).status not in GOOD:
        passed.add(name)
        yield name
        name = _culprit(seen, _stands(seen, name).waits_for)


def _culprit(seen: Picture, waits_for: Iterable[str]) -> str:
    """Return the one of several to blame: what failed before what is only slow."""
    badness = {Status.FAILED: 0, Status.UNAVAILABLE: 1, Status.UNHEALTHY: 2, Status.BLOCKED: 3}
    return min(waits_for, key=lambda name: badness.get(_stands(seen, name).status, 4), default="")


def _stands(seen: Picture, name: str) -> Standing:
    return seen.standings.get(name) or standing(seen.graph, seen.state, name)


def _cause(seen: Picture, name: str, answers: Mapping[str, str], run: Run | None, clock: Clock) -> CauseView:
    service, found = seen.spec.services.get(name) or Service(name), seen.state.services.get(name) or ServiceState(name)
    stands = _stands(seen, name)
    instance = _worst(found, stands.status)
    answer = answers.get(instance.id, "") if instance else ""
    words = _words(seen, service, found, stands, instance, answer, clock)
    return {
        "service": name,
        "instance": instance.id if instance else "",
        "status": stands.status.value,
        "says": _SAYS.get(stands.status, "{name} is {status}").format_map(words),
        "next": stands.cure or _NEXT.get(stands.status, "").format_map(words),
        "exit_code": instance.exit_code if instance and instance.ended else None,
        "answer": answer,
        "lines": _last_lines(run, instance) if instance and stands.status is not Status.BLOCKED else [],
    }


def _words(
    seen: Picture, service: Service, found: ServiceState, stands: Standing, instance: Instance | None, answer: str,
    clock: Clock,
) -> dict[str, str]:  # fmt: skip
    """Return what the sentences of one link are filled with."""
    variant = variant_of(service, found)
    age = max(clock.monotonic() - instance.spawned, 0.0) if instance and instance.spawned else 0.0
    reason = stands.reason or found.cause
    return {
        "name": service.name,
        "status": stands.status.value,
        "reason": reason or "nobody knows why",
        "because": f" ({reason})" if reason else "",
        "waits": ", ".join(f"{other} ({_stands(seen, other).status.value})" for other in stands.waits_for),
        "age": f"{age:.1f} s",
        "check": variant.check.describe() if variant and variant.check else "its check",
        "answer": f" answers {answer!r}" if answer else "",
    }


def _worst(found: ServiceState, status: Status) -> Instance | None:
    instances = list(found.instances.values())
    return next((i for i in instances if i.status is status), instances[0] if instances else None)


def _last_lines(run: Run | None, instance: Instance) -> list[str]:
    if run is None:
        return []
    query = logs.Query(services=(instance.id,), tail=LAST_LINES)
    return [line.raw.decode("utf-8", "replace") for line in logs.read(run, query)]
