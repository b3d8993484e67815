"""An instance that its liveness check found dead, and that was restarted for it."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core import events as happened
from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.loglines import line_evidence
from devctl.diagnosis.rules.base import Rule
from devctl.text import duration


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield what the liveness check was answered, and when."""
    since = facts.now_ns - int(facts.recent_seconds * 1e9)
    failures = [e for e in facts.events if isinstance(e, happened.LivenessFailed) and e.service == name]
    failures = [event for event in failures if event.at_ns >= since]
    if not failures:
        return
    last = failures[-1]
    ago = duration(max((facts.now_ns - last.at_ns) / 1e9, 0.0))
    text = f"{last.instance} failed its liveness check {ago} ago: {last.answer}"
    pointer = {"type": "liveness_failed", "instance": last.instance}
    instance = facts.snapshot.state.instance(name, last.instance)
    lines = [line for line in facts.lines(instance) if line.at_ns <= last.at_ns]
    evidence = [Evidence(EvidenceKind.EVENT, name, text, last.at_ns, pointer), line_evidence(name, lines[-5:])]
    times = f", {len(failures)} times of late" if len(failures) > 1 else ""
    yield Cause(
        name,
        "liveness",
        f"{name} hung and was restarted {ago} ago: its liveness check saw {last.answer!r}{times}",
        f"See what it did before in `devctl logs {name} --since 5m`; if it is only slow at times, raise the timeout or "
        "the retries of its liveness check.",
        tuple(piece for piece in evidence if piece),
        is_intrinsic=True,
        since_ns=failures[0].at_ns,
        rank=12,
        instance=last.instance,
    )


RULE = Rule(
    "liveness",
    "the liveness check's answer and the restart that followed",
    "worker hung and was restarted 8 s ago: its liveness check saw 'no answer within 1 s'",
    "See what it did before, or raise the timeout or the retries of its liveness check.",
    examine,
)
