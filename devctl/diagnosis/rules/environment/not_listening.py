"""A service that runs and counts as good, but listens on none of its ports."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.launch import ports_of
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import EARLY_SECONDS, Rule
from devctl.text import listing


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield on which port nobody listens; weak while nobody suffers from it."""
    variant = facts.variant(name)
    if variant is None or not facts.snapshot.status(name).is_good:
        return
    names = {port.name for port in ports_of(facts.snapshot.service(name), variant)}
    for instance in facts.instances(name):
        ports = {n: p for n, p in facts.snapshot.state.ports.get(instance.id, {}).items() if n in names}
        processes = facts.processes(instance)
        if not ports or not processes or facts.age_seconds(instance) < EARLY_SECONDS or instance.container:
            continue
        closed = [f"{port} ({number})" for port, number in ports.items() if not facts.survey.is_listening(number)]
        if len(closed) < len(ports):
            continue
        elsewhere = facts.survey.addresses_of(instance.pid)
        listens = f"; it listens on {listing(elsewhere)}" if elsewhere else ""
        text = f"nobody listens on {listing(closed)} of {instance.id}{listens}"
        pointer: dict[str, str | int] = {"instance": instance.id, "pid": instance.pid}
        yield Cause(
            name,
            "wrong-port" if elsewhere else "not-listening",
            f"{name} runs, but {text}",
            f"Let {name} listen on the port it gets ($PORT), or correct `ports`; a healthcheck would have told.",
            (Evidence(EvidenceKind.PORT, name, text, 0, pointer),),
            is_intrinsic=bool(elsewhere),
            is_weak=True,
            blames=tuple(facts.references(name)),
            since_ns=instance.started_ns,
            rank=34,
            instance=instance.id,
        )
        return


RULE = Rule(
    "not-listening",
    "where the processes of an instance listen, and the ports it has",
    "api runs, but nobody listens on http (8080) of api.1; it listens on 127.0.0.1:9000",
    "Let api listen on the port it gets ($PORT), or correct `ports`.",
    examine,
)
