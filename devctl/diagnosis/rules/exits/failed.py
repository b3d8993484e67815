"""A service that ended by itself and is not started again: what it said last is all there is."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.core.status import Status
from devctl.diagnosis.ends import End, exit_evidence, last_end
from devctl.diagnosis.evidence import Cause
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.loglines import LogLine, line_evidence
from devctl.diagnosis.rules.base import Rule
from devctl.text import duration

_TRACEBACK = "Traceback (most recent call last)"


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield how it ended."""
    end = last_end(facts, name)
    if end is None or end.signal is not None:
        return
    instance = facts.snapshot.state.instance(name, end.instance)
    derived = facts.snapshot.status(name)
    lines = [line for line in facts.lines(instance) if line.at_ns <= (end.at_ns or facts.now_ns) + 1_000_000_000]
    evidence = [exit_evidence(end), line_evidence(name, lines[-20:])]
    is_job = name in facts.snapshot.graph.jobs
    yield Cause(
        name,
        "job-failed" if is_job else "exit-0" if end.code == 0 else "exited",
        f"{name} {_sentence(end, derived.status, derived.reason)}{_last_line(lines)}",
        _next(name, end, is_job=is_job),
        tuple(piece for piece in evidence if piece),
        blames=tuple(facts.references(name)),
        is_intrinsic=end.code == 0,
        since_ns=end.at_ns,
        rank=40 if is_job or end.code == 0 else 50,
        instance=end.instance,
    )


def _sentence(end: End, status: Status, reason: str) -> str:
    if status is Status.FAILED and reason:
        return f"failed: {reason}"
    ago = f" {duration(end.ago_seconds)} ago" if end.ago_seconds >= 1 else ""
    return f"{end.text}{ago}" + ("; it runs again" if end.is_over else "")


def _last_line(lines: list[LogLine]) -> str:
    """Return the line that says what went wrong: a program's last, a traceback's most of all."""
    texts = [line.text for line in lines if line.text.strip()]
    if not texts or not any(_TRACEBACK in text for text in texts):
        return ""
    return f" ({texts[-1][:200]})"


def _next(name: str, end: End, *, is_job: bool) -> str:
    if end.is_over:
        return f"It is up again: `devctl logs {name} --since 5m` shows what led to it."
    if end.code == 0 and not is_job:
        return (
            f"Its program is done rather than serving: run it in the foreground (no daemon mode), or take the check "
            f"away if it is a job; then `devctl up {name}`."
        )
    return f"Read its last lines (`devctl logs {name}` has all of them), mend it, then `devctl up {name}`."


RULE = Rule(
    "exited",
    "the exit code and the last lines",
    "api failed: ended with exit code 3 before it was healthy",
    "Read its last lines, mend it, then `devctl up api`.",
    examine,
)
