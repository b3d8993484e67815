"""A fault that `devctl fault` put on the wire of a service."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core import events as happened
from devctl.core.faults import Fault
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule
from devctl.text import duration


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield every fault in force, since when, and how long yet."""
    faults = [fault for fault in facts.snapshot.state.faults.values() if fault.service == name]
    if not faults or not facts.is_live:
        return
    added = {e.fault.name: e.at_ns for e in facts.events if isinstance(e, happened.FaultAdded)}
    evidence = tuple(_evidence(facts, fault, added.get(fault.name, 0)) for fault in faults)
    texts = ", ".join(fault.text for fault in faults)
    yield Cause(
        name,
        "wire-fault",
        f"a fault is on the wire of {name}: {texts}",
        f"`devctl fault remove {' '.join(fault.name for fault in faults)}` takes it away.",
        evidence,
        is_intrinsic=True,
        since_ns=min((at for at in (added.get(fault.name, 0) for fault in faults) if at), default=0),
        rank=2,
    )


def _evidence(facts: Facts, fault: Fault, at_ns: int) -> Evidence:
    since = f", added {duration((facts.now_ns - at_ns) / 1e9)} ago" if at_ns else ""
    left = f", {duration(max(fault.until - facts.now, 0))} more" if fault.until else ""
    text = f"{fault.name}: {fault.text}{since}{left}"
    return Evidence(EvidenceKind.WIRE_FAULT, fault.service, text, at_ns, {"fault": fault.name})


RULE = Rule(
    "wire-fault",
    "the faults in force on the relay",
    "a fault is on the wire of catalog: latency 200 ms downstream",
    "`devctl fault remove catalog_latency_1` takes it away.",
    examine,
)
