"""A service that ends by itself again and again, also while it pauses or has just been started once more."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.ends import End, exit_evidence, last_end
from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.loglines import line_evidence
from devctl.diagnosis.rules.base import Rule

_LEAST = 2
"""Ends of late that make a loop: the first restart mends most of what is not one."""


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield how often it ended, how, and what it said last."""
    end = last_end(facts, name)
    instance = facts.snapshot.state.instance(name, end.instance) if end else None
    if end is None or instance is None or end.requested or end.is_over:
        return
    is_given_up = "crash loop" in instance.reason
    if end.times < _LEAST and not is_given_up and not instance.restart_at:
        return
    lines = [line for line in facts.lines(instance) if line.at_ns <= (end.at_ns or facts.now_ns) + 1_000_000_000]
    evidence = [exit_evidence(end), line_evidence(name, lines[-20:], "its last lines before")]
    yield Cause(
        name,
        "crash-loop",
        f"{name} is in a crash loop: it {end.text}{_times(end)}{_last(lines[-1].text if lines else '')}",
        _next(name, is_given_up),
        tuple(piece for piece in evidence if piece),
        Confidence.CERTAIN,
        blames=tuple(facts.references(name)),
        since_ns=facts.exits(name)[0].at_ns if facts.exits(name) else end.at_ns,
        rank=45,
        instance=end.instance,
    )


def _times(end: End) -> str:
    return f", {end.times} times in the last minutes" if end.times > 1 else ""


def _last(line: str) -> str:
    return f"; its last line: {line[:200]}" if line else ""


def _next(name: str, is_given_up: bool) -> str:
    again = f"then `devctl up {name}`" if is_given_up else "it is started again by itself"
    return f"Mend what its last lines say (`devctl logs {name}` has all of them); {again}."


RULE = Rule(
    "crash-loop",
    "the ends of the last minutes, how it ended, its last lines",
    "api is in a crash loop: it ended with exit code 1, 4 times in the last minutes; its last line: boom",
    "Mend what its last lines say; then `devctl up api`.",
    examine,
)
