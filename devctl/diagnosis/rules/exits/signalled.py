"""A process that a signal ended: killed from outside, out of memory, or a fault in native code."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from devctl.diagnosis.ends import End, exit_evidence, last_end, out_of_memory_kills
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.loglines import line_evidence
from devctl.diagnosis.rules.base import Rule
from devctl.text import duration

_NATIVE = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL)


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield which signal it was and what that means."""
    end = last_end(facts, name)
    instance = facts.snapshot.state.instance(name, end.instance) if end else None
    if end is None or end.signal is None or instance is None or instance.liveness:
        return
    lines = [line for line in facts.lines(instance) if line.at_ns <= end.at_ns + 1_000_000_000]
    evidence = [exit_evidence(end), *_memory(facts, name), line_evidence(name, lines[-20:], "its last lines before")]
    yield Cause(
        name,
        _kind(end, evidence),
        f"{name} {end.text}{_when(end)}{_since(end)}",
        _next(name, end),
        tuple(piece for piece in evidence if piece),
        is_intrinsic=True,
        since_ns=end.at_ns,
        rank=35,
        instance=end.instance,
    )


def _kind(end: End, evidence: list[Evidence | None]) -> str:
    if any(piece and piece.kind is EvidenceKind.PROCESS for piece in evidence):
        return "out-of-memory"
    return "native-crash" if end.signal in _NATIVE else "killed"


def _memory(facts: Facts, name: str) -> Iterator[Evidence]:
    """Yield that the kernel killed for want of memory, where the control group of the stack counts that."""
    living = [i for s in facts.snapshot.state.services.values() for i in s.instances.values() if i.is_alive and i.pid]
    kills = out_of_memory_kills(living[0].pid) if facts.is_live and living else 0
    if kills:
        text = f"the kernel has killed {kills} times for want of memory in the stack's control group"
        yield Evidence(EvidenceKind.PROCESS, name, text, 0, {"fact": "memory.events oom_kill"})


def _when(end: End) -> str:
    by = ", as a person asked for" if end.requested else ""
    return f" {duration(end.ago_seconds)} ago{by}" if end.ago_seconds >= 1 else by


def _since(end: End) -> str:
    return "; it runs again" if end.is_over else ""


def _next(name: str, end: End) -> str:
    if end.is_over:
        return f"It is up again: `devctl logs {name} --since 5m` shows what it did before and after."
    if end.signal is signal.SIGKILL:
        return f"See what it holds in memory (`devctl status`) and its limits; then `devctl up {name}`."
    if end.signal in _NATIVE:
        return f"Look for the native library in `devctl logs {name}`; start it by hand with `devctl run {name}`."
    return f"Find who sends the signal; `devctl up {name}` starts it again."


RULE = Rule(
    "killed",
    "the signal of the end; the kernel's count of kills for want of memory",
    "worker was ended by SIGKILL (exit code 137) 4 s ago",
    "See what it holds in memory and its limits; then `devctl up worker`.",
    examine,
)
