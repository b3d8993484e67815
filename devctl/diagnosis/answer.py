"""The answer: roots first, each with path, evidence and next step; what was ruled out; what is merely on its way."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from devctl.clock import rfc3339
from devctl.core.status import Status
from devctl.diagnosis.blame import Blame, Root
from devctl.diagnosis.evidence import Cause, Confidence, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts, brief
from devctl.diagnosis.views import DiagnosisView, EvidenceView, HopView, RootView, RuledOutView
from devctl.queries.prometheus import Alert
from devctl.text import count, duration, listing

MOST_EVIDENCE = 5
_MOST_RULED_OUT = 6
_MOST_ALERTS = 4


def answer(facts: Facts, blame: Blame, asked_for: Collection[str] = ()) -> DiagnosisView:
    """Return what is wrong with `asked_for` (none: with the whole stack)."""
    roots = [root for root in blame.roots if not asked_for or _concerns(root, asked_for)]
    waiting = _waiting(facts, blame, asked_for)
    state = _state(facts, blame, roots, waiting)
    ruled_out = list(_ruled_out(facts, roots))
    since = _good_since(facts, asked_for) if state == "healthy" else 0
    return {
        "state": state,
        "summary": _summary(facts, state, roots, waiting, asked_for),
        "question": " ".join(asked_for),
        "run": facts.snapshot.state.run,
        "since": rfc3339(since) if since else "",
        "roots": [_with_alerts(facts, root_view(root, blame, asked_for)) for root in roots],
        "ruled_out": ruled_out,
        "waiting": waiting,
        "notes": list(_notes(facts, blame, roots, asked_for)),
    }


def _with_alerts(facts: Facts, root: RootView) -> RootView:
    """Return a root with the alerts that fire for its service among its evidence."""
    pieces = [
        _alert_evidence(root["service"], alert) for alert in facts.alerts if _service_of(alert) == root["service"]
    ]
    return {**root, "evidence": [*root["evidence"], *map(evidence_view, pieces)][:MOST_EVIDENCE]}


def _alert_evidence(name: str, alert: Alert) -> Evidence:
    pointer: dict[str, str | int] = {"alert": alert.name, "since": alert.since}
    return Evidence(EvidenceKind.ALERT, name, _alert_text(alert), 0, pointer)


def _alert_text(alert: Alert) -> str:
    return f"the alert {alert.name} fires" + (f": {alert.summary}" if alert.summary else "")


def _service_of(alert: Alert) -> str:
    return alert.labels.get("service") or alert.labels.get("job", "")


def _concerns(root: Root, asked_for: Collection[str]) -> bool:
    return root.cause.service in asked_for or any(name in root.paths for name in asked_for)


def _waiting(facts: Facts, blame: Blame, asked_for: Collection[str]) -> list[str]:
    """Return what is not good and follows from no root: it is on its way."""
    explained = {name for root in blame.roots for name in root.paths}
    names = asked_for or facts.services
    optional = facts.snapshot.optional
    return [
        name
        for name in names
        if not facts.snapshot.status(name).is_good
        and name not in explained
        and not (name in optional and facts.status(name) is Status.UNAVAILABLE)
    ]


def _state(facts: Facts, blame: Blame, roots: list[Root], waiting: list[str]) -> str:
    if roots:
        return "problem" if any(not root.is_weak or _hurts(root, blame) for root in roots) else "waiting"
    if not facts.snapshot.state.run and not facts.spec.services:
        return "never-ran"
    return "waiting" if waiting else "healthy"


def _hurts(root: Root, blame: Blame) -> bool:
    """Whether something fails, and does not merely wait, since a root is on its way."""
    leads = (blame.lead(name) for name in root.paths)
    return any(lead and not lead.is_weak and lead.kind != "waits" for lead in leads)


def _summary(facts: Facts, state: str, roots: list[Root], waiting: list[str], asked_for: Collection[str]) -> str:
    if roots:
        return roots[0].cause.sentence if len(roots) == 1 else f"{count(len(roots), 'cause')} of their own"
    if state == "never-ran":
        return "Nothing has run here yet: `devctl up` starts the stack."
    if waiting:
        parts = [f"{name} is {facts.status(name).value}" for name in waiting]
        return f"Nothing is wrong so far: {listing(parts)}."
    return _all_is_well(facts, asked_for)


def _all_is_well(facts: Facts, asked_for: Collection[str]) -> str:
    if not facts.is_live:
        return f"Nothing runs now. Nothing was wrong with the last run, {facts.snapshot.state.run}, when it ended."
    if asked_for:
        return f"Nothing is wrong with {listing(asked_for)}{_since(facts, asked_for)}."
    number = len([name for name in facts.services if facts.snapshot.status(name).is_good])
    return f"Everything is healthy{_since(facts, asked_for)}: {count(number, 'service')}, no evidence of a fault."


def _since(facts: Facts, asked_for: Collection[str]) -> str:
    at_ns = _good_since(facts, asked_for)
    return f" since {duration((facts.now_ns - at_ns) / 1e9)}" if at_ns else ""


def _good_since(facts: Facts, asked_for: Collection[str]) -> int:
    """Return when the last of these services became good."""
    names = asked_for or facts.services
    moments = [i.good_since for name in names for i in facts.instances(name) if i.good_since]
    return facts.wall_ns(max(moments)) if moments else 0


def root_view(root: Root, blame: Blame, asked_for: Collection[str] = ()) -> RootView:
    """Return one root with its path to what was asked for, else to the symptom that is farthest."""
    cause = root.cause
    explains = [name for name in root.paths if name != cause.service]
    path = next((root.paths[name] for name in asked_for if name in root.paths), root.longest)
    return {
        "service": cause.service,
        "instance": cause.instance,
        "kind": cause.kind,
        "sentence": cause.sentence,
        "confidence": _confidence(cause).value,
        "since": rfc3339(cause.since_ns) if cause.since_ns else "",
        "evidence": [evidence_view(piece) for piece in _merged([cause, *root.others])],
        "path": [_hop(blame.causes[name][0]) for name in path],
        "explains": explains,
        "next": cause.next,
    }


def _confidence(cause: Cause) -> Confidence:
    """Return how far a cause can be trusted: what is generic is likely at best."""
    if cause.confidence is Confidence.CERTAIN and not cause.is_intrinsic and not cause.evidence:
        return Confidence.NONE
    return cause.confidence


def _merged(causes: Iterable[Cause]) -> list[Evidence]:
    """Return the evidence of several causes of one service, each piece once."""
    pieces: dict[tuple[str, str, tuple[str, ...]], Evidence] = {}
    kinds: set[str] = set()
    for cause in causes:
        for piece in cause.evidence:
            if piece.lines and "lines" in kinds:
                continue  # the same log once
            kinds |= {"lines"} if piece.lines else set()
            pieces.setdefault((piece.service, piece.text, piece.lines), piece)
    return list(pieces.values())[:MOST_EVIDENCE]


def _hop(cause: Cause) -> HopView:
    evidence = [evidence_view(piece) for piece in cause.evidence[:2]]
    return {"service": cause.service, "sentence": cause.sentence, "evidence": evidence}


def evidence_view(piece: Evidence) -> EvidenceView:
    """Return one piece of evidence as JSON."""
    return {
        "kind": piece.kind.value,
        "service": piece.service,
        "text": piece.text,
        "time": rfc3339(piece.at_ns) if piece.at_ns else "",
        "pointer": {
            key if key != "time_ns" else "time": rfc3339(int(value)) if key == "time_ns" else value
            for key, value in piece.pointer.items()
        },
        "lines": list(piece.lines),
    }


def _ruled_out(facts: Facts, roots: list[Root]) -> Iterable[RuledOutView]:
    """Yield what the services on the paths need and with which nothing is wrong."""
    blamed = {name for root in roots for path in root.paths.values() for name in path}
    near = dict.fromkeys(other for name in sorted(blamed) for other in facts.references(name) if other not in blamed)
    good = [name for name in near if facts.snapshot.status(name).is_good]
    for name in good[:_MOST_RULED_OUT]:
        instance = facts.worst(name)
        since = f" since {duration(facts.now - instance.good_since)}" if instance and instance.good_since else ""
        answered = facts.answer(instance)
        check = f": its check sees {brief(answered)!r}" if answered else ""
        yield {"service": name, "sentence": f"{name} is {facts.status(name).value}{since}{check}"}


def _notes(facts: Facts, blame: Blame, roots: list[Root], asked_for: Collection[str]) -> Iterable[str]:
    """Yield what a person should know of and is no cause."""
    accused = {root.cause.service for root in roots}
    if not facts.is_live and roots:
        yield f"nothing runs now: this is run {facts.snapshot.state.run} as it was before it was taken down"
    for name in facts.services:
        missing = facts.status(name) is Status.UNAVAILABLE and name in facts.snapshot.optional
        if missing and name not in accused and not asked_for:
            yield f"{name}, which is optional, cannot be had here: {facts.snapshot.status(name).reason}"
    others = [alert for alert in facts.alerts if not asked_for and _service_of(alert) not in accused]
    yield from (f"{_alert_text(alert)} (`devctl alerts`)" for alert in others[:_MOST_ALERTS])
    if asked_for and not roots and blame.roots:
        causes = listing(dict.fromkeys(root.cause.service for root in blame.roots))
        yield f"Something is wrong with {causes}: `devctl why` says what."
