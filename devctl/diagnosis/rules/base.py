"""What every rule is: the evidence it needs, its condition, sentence and next step; and rules over log lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from devctl.core.state import Instance
from devctl.core.status import GOOD, Status
from devctl.diagnosis.evidence import Cause, Confidence, Evidence
from devctl.diagnosis.facts import Facts, probe_evidence
from devctl.diagnosis.loglines import LogLine, line_evidence

Examine = Callable[[Facts, str], Iterator[Cause]]

EARLY_SECONDS = 4.0
"""A start that is younger is no trouble yet: what a log says then may still be tried again."""

RECENT_LINE_SECONDS = 60.0
"""A line of a service that lives speaks of now for so long."""

_LINES_OF_GOOD = 25  # what a service that works wrote last

RECOVERED_SECONDS = 10.0
"""Good for so long after an end: what led to it is over (see `core.state.HEALTHY_RESETS_PAUSE_SECONDS`)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `kind` is what its causes are called in `--json`; `sees`, `sentence` and `next` are what
    docs/troubleshooting.md says of it."""

    kind: str
    sees: str
    sentence: str
    next: str
    examine: Examine


@dataclass(frozen=True, slots=True)
class LineRule:
    """A rule over the last lines. The named groups of its patterns stand in the braces of sentence and next step.

    `needs_trouble`: it speaks only of a service that is not good; else also of lines that a good one wrote just now.
    `needs_count`: how many such lines a good service must have written for it to count, `enough`: how many tell of a
    fault though nothing else does (0: none).
    """

    kind: str
    patterns: tuple[str, ...]
    sentence: str
    next: str
    rank: int = 20
    needs_trouble: bool = True
    needs_count: int = 1
    enough: int = 0
    is_intrinsic: bool = True
    guess: Callable[[Facts, str], str] | None = None  # what it is about, where the line does not say

    def rule(self) -> Rule:
        """Return it as a rule like any other."""
        seen = "its last lines: " + " or ".join(f"`{_readable(pattern)}`" for pattern in self.patterns[:3])
        return Rule(self.kind, seen, self.sentence, self.next, self.examine)

    def examine(self, facts: Facts, name: str) -> Iterator[Cause]:
        """Yield the cause that the newest matching line is."""
        if self.needs_trouble and not any(is_troubled(facts, instance) for instance in facts.instances(name)):
            return
        lines, suffers = suspicious_lines(facts, name)
        matches = [(line, match) for line in lines if (match := self.match(line))]
        if len(matches) < (1 if suffers else self.needs_count):
            return
        line, match = matches[-1]
        what = match["what"] or (self.guess(facts, name) if self.guess else "")
        table = {"name": name, "what": what}
        evidence = [line_evidence(name, around(lines, line))]
        is_told = bool(self.enough) and len(self._complaints(matches)) >= self.enough
        yield Cause(
            name,
            self.kind,
            _tidy(self.sentence.format_map(table)),
            _tidy(self.next.format_map(table)),
            tuple(piece for piece in evidence if piece),
            Confidence.CERTAIN if suffers else Confidence.LIKELY,
            since_ns=matches[0][0].at_ns,
            is_intrinsic=self.is_intrinsic,
            is_weak=not suffers and not is_told,
            rank=self.rank,
            instance=line.instance,
        )

    def _complaints(self, matches: Sequence[tuple[LogLine, re.Match[str]]]) -> list[LogLine]:
        """Return the lines that are not merely told for information."""
        return [line for line, _ in matches if line.level not in ("trace", "debug", "info")]

    def match(self, line: LogLine) -> re.Match[str] | None:
        """Return the first pattern's match in a line."""
        return match_any(self.patterns, line)


def _tidy(sentence: str) -> str:
    """Return a sentence without the gap and the colon that a value which no line named leaves behind."""
    return re.sub(r" +(?=[ ;,]|$)", "", sentence).rstrip(":")


def match_any(patterns: Sequence[str], line: LogLine) -> re.Match[str] | None:
    """Return the match of the first pattern that a line has, in what people read, else as it was written."""
    for pattern in patterns:
        match = re.search(pattern, line.text) or (re.search(pattern, line.raw) if line.raw != line.text else None)
        if match:
            return match
    return None


def around(lines: Sequence[LogLine], line: LogLine) -> list[LogLine]:
    """Return a line with those before it."""
    at = next(index for index, each in enumerate(lines) if each is line)
    return list(lines[max(at - 4, 0) : at + 1])


def suspicious_lines(facts: Facts, name: str) -> tuple[list[LogLine], bool]:
    """Return the lines that may tell of what is wrong with a service, and whether something visibly is."""
    troubled = [i for i in facts.instances(name) if is_troubled(facts, i)]
    if troubled:
        return [line for instance in troubled[:3] for line in _of_last_lives(facts, instance)], True
    since = facts.now_ns - int(RECENT_LINE_SECONDS * 1e9)
    living = [i for i in facts.instances(name) if i.status in GOOD and facts.is_live]
    return [line for i in living[:3] for line in facts.lines(i)[-_LINES_OF_GOOD:] if line.at_ns >= since], False


def is_troubled(facts: Facts, instance: Instance) -> bool:
    """Tell whether an instance is not good, or ended by itself a moment ago."""
    if instance.status in (Status.FAILED, Status.UNHEALTHY) or instance.restart_at or instance.liveness:
        return True
    if _is_back(facts, instance):
        return True
    return instance.status is Status.STARTING and facts.age_seconds(instance) >= EARLY_SECONDS


def _is_back(facts: Facts, instance: Instance) -> bool:
    """Whether it ended by itself of late and has not been good for long since."""
    if instance.status is Status.STOPPING or not any(e.instance == instance.id for e in facts.exits(instance.service)):
        return False
    return not instance.good_since or facts.now - instance.good_since < RECOVERED_SECONDS


def _of_last_lives(facts: Facts, instance: Instance) -> list[LogLine]:
    """Return the lines of this life, and of the one before where that ended a moment ago."""
    since = instance.started_ns
    if exits := [e for e in facts.exits(instance.service) if e.instance == instance.id]:
        since = min(since or exits[-1].at_ns, exits[-1].at_ns - int(RECENT_LINE_SECONDS * 1e9))
    return [line for line in facts.lines(instance) if line.at_ns >= since]


def evidence_of(facts: Facts, name: str, instance: Instance | None) -> tuple[Evidence, ...]:
    """Return what is shown of any service that is not good: what its check saw, and its last lines."""
    pieces = [probe_evidence(facts, name, instance), line_evidence(name, facts.lines(instance)[-20:])]
    return tuple(piece for piece in pieces if piece)


def _readable(pattern: str) -> str:
    text = re.sub(r"\(\?P<\w+>[^)]*\)", "…", pattern)
    text = re.sub(r"\(\?[:i]+", "(", text)
    return re.sub(r"\\(.)", r"\1", text).replace("|", "/").replace(".*", "…")
