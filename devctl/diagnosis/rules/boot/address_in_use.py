"""A port that somebody else has: which program, and whether it is a service of the stack."""

from __future__ import annotations

import re
from collections.abc import Iterator

from devctl.core.status import Status
from devctl.diagnosis.evidence import Cause, Confidence, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts, numbers_told
from devctl.diagnosis.loglines import line_evidence
from devctl.diagnosis.rules.base import Rule, around, match_any, suspicious_lines

PATTERNS = (
    r"(?i:address (?:is )?already in use)",
    r"\bEADDRINUSE\b",
    r"(?i:port \d+ (?:is |was )?(?:already )?(?:in use|taken|occupied|being used))",
    r"(?i:only one usage of each socket address)",
)
_PORTS = (
    r"(?i:port)[ =:]+(\d{2,5})", r":::?(\d{2,5})\b", r"\.\d{1,3}[:'\", ]+(\d{2,5})\b", r"\][:'\", ]+(\d{2,5})\b",
    r"localhost[:'\", ]+(\d{2,5})\b", r":(\d{2,5})\b",
)  # fmt: skip


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield which port is taken, and by whom."""
    yield from _not_started(facts, name)
    lines, is_troubled = suspicious_lines(facts, name)
    matches = [line for line in lines if match_any(PATTERNS, line)]
    if not matches or not is_troubled:
        return
    line = matches[-1]
    port = _port(facts, name, [each.raw for each in around(lines, line)][::-1])
    holder, evidence = _holder(facts, name, port)
    subject = f"port {port}" if port else "the address"
    yield Cause(
        name,
        "port-taken",
        f"{name} cannot listen: {subject} is already in use{holder}",
        _next(name, port, evidence),
        tuple(piece for piece in (line_evidence(name, around(lines, line)), evidence) if piece),
        Confidence.CERTAIN,
        is_intrinsic=True,
        since_ns=line.at_ns,
        rank=15,
        instance=line.instance,
    )


def _not_started(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield that devctl itself found a port taken that it was to hand over."""
    for instance in facts.instances(name):
        if instance.status is Status.FAILED and not instance.ended and re.search(PATTERNS[0], instance.reason):
            port = _port(facts, name, [instance.reason])
            holder, evidence = _holder(facts, name, port)
            pointer = {"type": "start_failed", "instance": instance.id}
            refusal = Evidence(EvidenceKind.EVENT, name, instance.reason, facts.wall_ns(instance.spawned), pointer)
            yield Cause(
                name, "port-taken", f"{name} cannot listen: port {port} is already in use{holder}",
                _end_holder(port, evidence) + f"; then `devctl up {name}`.",
                tuple(piece for piece in (refusal, evidence) if piece), is_intrinsic=True, rank=5, instance=instance.id,
            )  # fmt: skip
            return


def _port(facts: Facts, name: str, texts: list[str]) -> int:
    """Return the port that the lines name, else the one that the service is told of and somebody else has; 0 when
    neither tells."""
    for text in texts:
        for pattern in _PORTS:
            if match := re.search(pattern, text):
                return int(match[1])
    return _taken_port(facts, name)


def _taken_port(facts: Facts, name: str) -> int:
    """Return the only port of a service, or number in its command and variables, on which somebody listens."""
    candidates = {*facts.ports(name).values(), *numbers_told(facts, name)}
    taken = {port for port in candidates if port and facts.survey.is_listening(port)} if facts.is_live else candidates
    return taken.pop() if len(taken) == 1 else 0


def _holder(facts: Facts, name: str, port: int) -> tuple[str, Evidence | None]:
    """Return who listens on a port, for the sentence and as evidence."""
    owner = facts.survey.owner_of(port) if port and facts.is_live else None
    if owner is None:
        return "", None
    service = _service_of(facts, owner.session) or _service_of(facts, owner.pid)
    whose = f" by {service}" if service else f" by {owner.name} (pid {owner.pid})"
    text = f"port {port} is held by pid {owner.pid} ({owner.name})" + (f" of {service}" if service else "")
    pointer: dict[str, str | int] = {"port": port, "pid": owner.pid, "program": owner.name}
    return whose, Evidence(EvidenceKind.PORT, name, text, 0, pointer | ({"service": service} if service else {}))


def _service_of(facts: Facts, pid: int) -> str:
    return next((i.service for i in facts.snapshot.state.living if i.pid == pid), "")


def _next(name: str, port: int, evidence: Evidence | None) -> str:
    where = "(`ports` in the manifest, $PORT in its command)"
    if evidence and (service := evidence.pointer.get("service")):
        return f"Give {name} or {service} another port {where}; then `devctl up {name}`."
    return f"{_end_holder(port, evidence)}, or give {name} another port {where}; then `devctl up {name}`."


def _end_holder(port: int, evidence: Evidence | None) -> str:
    if evidence:
        return f"End pid {evidence.pointer['pid']}"
    return f"End what holds it (`ss -ltnp 'sport = :{port}'`)" if port else "End what has it"


RULE = Rule(
    "port-taken",
    "the last lines (`address already in use`, `EADDRINUSE`), who listens on that port now",
    "api cannot listen: port 8080 is already in use by nginx (pid 4711)",
    "End pid 4711, or give api another port; then `devctl up api`.",
    examine,
)
