"""What `devctl why` asks, from the session where the stack runs, else from the record.

It runs in the process that asks, so that no question holds up the supervisor's loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from devctl.clock import Clock, SystemClock
from devctl.core.plan import check_names
from devctl.core.spec import to_json
from devctl.diagnosis import questions
from devctl.diagnosis.answer import answer
from devctl.diagnosis.blame import blame
from devctl.diagnosis.explain import explain
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.views import DiagnosisView, WhyView
from devctl.machine.survey import Survey
from devctl.masking import mask_text, secrets_in
from devctl.paths import StackPaths
from devctl.record.store import Run
from devctl.session.protocol import SnapshotView
from devctl.views.snapshot import read_view

TRACE_DIGITS = 32

T = TypeVar("T")


class SnapshotSource(Protocol):
    """Where the snapshot comes from: the client of a session, or the record of a stack that is down."""

    def snapshot(self) -> SnapshotView:
        """Return the stack as it is now, or as it was before it was taken down."""
        ...


def why(
    source: SnapshotSource, paths: StackPaths, names: Sequence[str] = (), clock: Clock | None = None
) -> list[WhyView]:
    """Explain each of `names` (none: each service that people see and that is not good, and each root)."""
    facts = read_facts(source, paths, names, clock)
    return _masked(facts, explain(facts, blame(facts, names), names))


def diagnose(
    source: SnapshotSource,
    paths: StackPaths,
    names: Sequence[str] = (),
    clock: Clock | None = None,
    *,
    recent_seconds: float | None = None,
) -> DiagnosisView:
    """Return the root causes of what is wrong with `names` (none: with the whole stack)."""
    facts = read_facts(source, paths, names, clock)
    facts.recent_seconds = facts.recent_seconds if recent_seconds is None else recent_seconds
    return _masked(facts, answer(facts, blame(facts, names), names))


def diagnose_trace(
    source: SnapshotSource, paths: StackPaths, subject: str, clock: Clock | None = None
) -> DiagnosisView:
    """Return where a trace (32 hex digits), else the journey of one thing by its id, failed."""
    facts = read_facts(source, paths, (), clock)
    is_trace = len(subject) == TRACE_DIGITS and all(digit in "0123456789abcdef" for digit in subject.lower())
    view = questions.about_trace(facts, subject.lower()) if is_trace else questions.about_journey(facts, subject)
    return _masked(facts, view)


def diagnose_requests(
    source: SnapshotSource, paths: StackPaths, *, slow: bool, since_seconds: float | None = None
) -> DiagnosisView:
    """Return what became slow, or what fails, of the requests of late."""
    facts = read_facts(source, paths)
    facts.since_ns = facts.now_ns - int(since_seconds * 1e9) if since_seconds else 0
    return _masked(facts, questions.about_slowness(facts) if slow else questions.about_errors(facts))


def read_facts(
    source: SnapshotSource, paths: StackPaths, names: Sequence[str] = (), clock: Clock | None = None
) -> Facts:
    """Return what a snapshot from the session or the record leads to; UsageError for a name that is no service."""
    view, clock = source.snapshot(), clock or SystemClock()
    snapshot = read_view(view)
    if snapshot.spec.services:
        check_names(snapshot.spec.services, names)
    run = Run(paths.runs / snapshot.state.run) if snapshot.state.run else None
    facts = Facts(snapshot, view["answers"], run, clock.monotonic(), clock.now_ns(), survey=Survey())
    if not getattr(source, "is_live", True):
        facts.is_live = False
        _turn_back(facts)
    return facts


def _turn_back(facts: Facts) -> None:
    """Let the clocks of a stack that is down stand where its run stopped being itself: at its last event."""
    if moments := [(event.monotonic, event.at_ns) for event in facts.events if event.at_ns]:
        facts.now, facts.now_ns = moments[-1]


def _masked(facts: Facts, answer: T) -> T:
    """Return an answer without the secrets of the stack; what its services wrote may hold them, too."""
    secrets = secrets_in(to_json(facts.spec))

    def mask(value: Any) -> Any:
        if isinstance(value, str):
            return mask_text(value, secrets)
        if isinstance(value, dict):
            return {key: mask(item) for key, item in value.items()}
        return [mask(item) for item in value] if isinstance(value, list) else value

    masked: T = mask(answer)
    return masked
