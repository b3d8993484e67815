"""The answer as a chain for each service, from what is not good down to the root: for displays that list services."""

from __future__ import annotations

from collections.abc import Collection

from devctl.diagnosis.blame import Blame
from devctl.diagnosis.evidence import Cause, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.views import CauseView, WhyView

LAST_LINES = 20
"""How many lines of its log are shown of what failed: a traceback and what led to it, still on one screen."""


def explain(facts: Facts, blame: Blame, names: Collection[str] = ()) -> list[WhyView]:
    """Explain each of `names` (none: each service that is not good, and each root)."""
    roots = [root.cause.service for root in blame.roots]
    bad = [n for n in facts.services if n in roots or not facts.snapshot.status(n).is_good]
    return [_explain_service(facts, blame, name) for name in names or bad]


def _explain_service(facts: Facts, blame: Blame, name: str) -> WhyView:
    path = next((root.paths[name][::-1] for root in blame.roots if name in root.paths), [name])
    causes = [cause for each in path if (cause := blame.lead(each))]
    is_good = facts.snapshot.status(name).is_good and not any(name in root.paths for root in blame.roots)
    chain = [] if is_good else [_view(facts, cause) for cause in causes]
    return {"service": name, "status": facts.status(name).value, "chain": chain}


def _view(facts: Facts, cause: Cause) -> CauseView:
    instance = facts.snapshot.state.instance(cause.service, cause.instance) or facts.worst(cause.service)
    shows_lines = any(piece.kind is EvidenceKind.LINES for piece in cause.evidence)
    lines = [line.raw for line in facts.lines(instance)[-LAST_LINES:]] if shows_lines else []
    return {
        "service": cause.service,
        "instance": instance.id if instance else "",
        "status": facts.status(cause.service).value,
        "says": cause.sentence,
        "next": cause.next,
        "exit_code": instance.exit_code if instance and instance.ended else None,
        "answer": facts.answer(instance),
        "lines": lines,
    }
