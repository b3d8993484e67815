"""A service that listens on one of the two loopback addresses only, while others ask the other one."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.launch import HOST
from devctl.core.state import Instance
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts, probe_evidence
from devctl.diagnosis.rules.base import Rule

_ALL = ("0.0.0.0", "[::]")  # noqa: S104  read from the table of listeners, not bound
_IPV6 = "[::1]"


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield that it listens on ::1 alone; weak while nobody suffers from it."""
    for instance in facts.instances(name):
        addresses = facts.survey.addresses_of(instance.pid) if facts.processes(instance) else []
        for port in facts.snapshot.state.ports.get(instance.id, {}).values():
            hosts = {address.rpartition(":")[0] for address in addresses if address.endswith(f":{port}")}
            if _IPV6 in hosts and not hosts & {HOST, *_ALL}:
                yield _cause(facts, name, instance, port)
                return


def _cause(facts: Facts, name: str, instance: Instance, port: int) -> Cause:
    text = f"{instance.id} listens on {_IPV6}:{port} and not on {HOST}:{port}"
    pointer: dict[str, str | int] = {"instance": instance.id, "port": port, "pid": instance.pid}
    evidence = [Evidence(EvidenceKind.PORT, name, text, 0, pointer), probe_evidence(facts, name, instance)]
    return Cause(
        name,
        "wrong-address",
        f"{name} listens on {_IPV6} only; who asks for {HOST}:{port} is refused",
        f"Let {name} listen on {HOST} (its host or bind option), where `${{services.{name}.…}}` points.",
        tuple(piece for piece in evidence if piece),
        is_intrinsic=True,
        is_weak=facts.snapshot.status(name).is_good,
        since_ns=instance.started_ns,
        rank=8,
        instance=instance.id,
    )


RULE = Rule(
    "wrong-address",
    "where the processes of an instance listen",
    "api listens on [::1] only; who asks for 127.0.0.1:8080 is refused",
    "Let api listen on 127.0.0.1 (its host or bind option).",
    examine,
)
