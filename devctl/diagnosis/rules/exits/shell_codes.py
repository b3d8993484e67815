"""A command that a shell could not find or not execute."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.ends import CANNOT_EXECUTE, NOT_FOUND, exit_evidence, last_end
from devctl.diagnosis.evidence import Cause
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.loglines import line_evidence
from devctl.diagnosis.rules.base import Rule


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield what the shell said."""
    end = last_end(facts, name)
    if end is None or end.code not in (CANNOT_EXECUTE, NOT_FOUND):
        return
    lines = facts.lines(facts.snapshot.state.instance(name, end.instance))
    shown = lines[-1].text if lines else end.meaning
    evidence = [exit_evidence(end), line_evidence(name, lines[-5:])]
    is_missing = end.code == NOT_FOUND
    advice = "Install what it calls, or correct the command" if is_missing else "Make it executable (chmod +x)"
    yield Cause(
        name,
        "program-missing" if is_missing else "permission",
        f"{name} {end.text}: {end.meaning} ({shown})",
        f"{advice}; then `devctl up {name}`.",
        tuple(piece for piece in evidence if piece),
        is_intrinsic=True,
        since_ns=end.at_ns,
        rank=15,
        instance=end.instance,
    )


RULE = Rule(
    "program-missing",
    "exit codes 126 and 127 and the shell's line",
    "worker ended with exit code 127: the shell did not find the command (sh: 1: celery: not found)",
    "Install what it calls, or correct the command; then `devctl up worker`.",
    examine,
)
