"""From symptoms along bad evidence to the roots: who follows from whom. Pure over the causes that the rules gave.

An edge leads from a service to one that its evidence points to and with which something is wrong, too. What has
evidence of its own and no bad callee is a root; two independent faults are two roots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.registry import all_rules

_GENERIC_RANK = 45
"""From here on a cause says that something is wrong, not what: it points to all that its service needs."""

_TELLING_RANK = 40
"""Up to here a cause says from what a service suffers."""

_COMPLAINTS = ("refused", "unknown-host", "authentication", "schema", "permission", "file-missing")
"""What a service that counts as good may say of an address or a setting that was just changed."""

_SLACK_NS = 3_000_000_000
"""A cause may be noticed so much later than what follows from it: probes look every second or two."""


@dataclass
class Root:
    """One root cause, the causes of the same service beside it, and the paths to what it explains (root first)."""

    cause: Cause
    others: list[Cause]
    paths: dict[str, list[str]] = field(default_factory=dict)
    is_weak: bool = False

    @property
    def longest(self) -> list[str]:
        """The path to the symptom that is farthest."""
        return max(self.paths.values(), key=len, default=[self.cause.service])


@dataclass
class Blame:
    """Every cause by service (the most telling first), and the roots among them."""

    causes: dict[str, list[Cause]]
    roots: list[Root]

    def lead(self, name: str) -> Cause | None:
        """Return the cause that tells most of a service."""
        return next(iter(self.causes.get(name, ())), None)


def collect(facts: Facts, names: Iterable[str]) -> dict[str, list[Cause]]:
    """Return what the rules say of each service, strong before weak, the most telling first."""
    table: dict[str, list[Cause]] = {}
    for name in names:
        causes = [c for rules in all_rules().values() for rule in rules for c in rule.examine(facts, name)]
        if causes:
            table[name] = sorted(_promoted(causes), key=lambda cause: (cause.is_weak, cause.rank))
    return table


def _promoted(causes: list[Cause]) -> list[Cause]:
    """Return causes where what was weak counts: the service visibly suffers and it says from what, or it was changed
    and complains since."""
    if not any(not cause.is_weak for cause in causes) and not _complains_since_change(causes):
        return causes
    return [replace(cause, is_weak=False) if cause.rank < _TELLING_RANK else cause for cause in causes]


def _complains_since_change(causes: list[Cause]) -> bool:
    changes = [cause for cause in causes if cause.kind == "changed"]
    return any(
        cause.kind in _COMPLAINTS and cause.since_ns >= change.since_ns for change in changes for cause in causes
    )


def blame(facts: Facts, asked_for: Collection[str] = ()) -> Blame:
    """Return the roots of what is wrong; with `asked_for` also of what these services merely wait for."""
    causes = collect(facts, facts.services)
    graph = _Graph(facts, causes)
    roots: dict[str, Root] = {}
    for name in causes:
        for path in graph.paths(name):
            root = roots.setdefault(path[-1], _root(causes[path[-1]]))
            if len(path) > len(root.paths.get(name, ())):
                root.paths[name] = path[::-1]
    kept = [root for root in roots.values() if _counts(facts, root, causes, asked_for)]
    return Blame(causes, sorted(kept, key=_order))


def _root(causes: list[Cause]) -> Root:
    return Root(causes[0], causes[1:], is_weak=causes[0].is_weak)


def _counts(facts: Facts, root: Root, causes: Mapping[str, list[Cause]], asked_for: Collection[str]) -> bool:
    """Whether a root is worth an accusation: it is wrong itself, something that it explains is, or somebody asks."""
    if any(name in asked_for and not facts.snapshot.status(name).is_good for name in root.paths):
        return True
    is_missing = root.cause.kind == "unavailable" and root.cause.service in facts.snapshot.optional
    strong = [name for name in root.paths if not causes[name][0].is_weak]
    return any(name != root.cause.service for name in strong) if is_missing else bool(strong)


def _order(root: Root) -> tuple[bool, bool, bool, int, int]:
    """Return what sorts roots: shown before guessed, what explains much before what explains little, early first."""
    cause = root.cause
    is_guess = cause.confidence is not Confidence.CERTAIN
    return root.is_weak, is_guess, not cause.is_intrinsic, -len(root.paths), cause.since_ns or 1 << 62


class _Graph:
    """Who is blamed by whom."""

    def __init__(self, facts: Facts, causes: Mapping[str, list[Cause]]) -> None:
        self._facts = facts
        self._causes = causes
        self._edges = {name: list(self._blamed(name)) for name in causes}

    def paths(self, name: str) -> Iterator[list[str]]:
        """Yield the paths from a symptom to its roots, the symptom first; one for each root."""
        seen = {name}
        waiting = [[name]]
        while waiting:
            path = waiting.pop(0)
            ahead = [other for other in self._edges[path[-1]] if other not in path]
            if not ahead:
                yield path
            for other in ahead:
                if other not in seen:
                    seen.add(other)
                    waiting.append([*path, other])

    def _blamed(self, name: str) -> Iterator[str]:
        """Yield the services from which the causes of `name` follow; none where one of these is its own."""
        causes = self._causes[name]
        lead = causes[0]
        if lead.is_intrinsic and not (lead.is_weak and any(not c.is_weak for c in causes)):
            return
        pointed = [c for c in causes if c.blames and c.rank < _GENERIC_RANK and c.is_weak <= lead.is_weak]
        pointed += [c for c in causes if c.kind == "waits"]
        targets = list(dict.fromkeys(t for c in pointed for t in c.blames if t in self._causes and t != name))
        if not targets:
            general = [t for c in causes for t in c.blames if t in self._causes and t != name]
            targets = [t for t in dict.fromkeys(general) if self._is_earlier(t, lead)]
        yield from targets

    def _is_earlier(self, other: str, cause: Cause) -> bool:
        """Whether another service went wrong no later than this one, and is not merely on its way."""
        lead = self._causes[other][0]
        if lead.is_weak and not cause.is_weak and lead.kind not in ("wrong-address", "not-listening", "wrong-port"):
            return lead.kind in ("slow-start", "waits") and not self._facts.snapshot.status(other).is_good
        return not (lead.since_ns and cause.since_ns) or lead.since_ns <= cause.since_ns + _SLACK_NS
