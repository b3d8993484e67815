"""Questions about traffic: one trace, one journey, what is slow, what fails. Each is answered in the shape of `why`."""

from __future__ import annotations

from collections.abc import Sequence

from devctl.diagnosis import requests
from devctl.diagnosis.answer import root_view
from devctl.diagnosis.blame import Blame, Root
from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts, lines_of_traces
from devctl.diagnosis.loglines import LogLine, line_evidence
from devctl.diagnosis.rules.edges import failing, not_answering, slow
from devctl.diagnosis.spans import span_evidence
from devctl.diagnosis.traffic import CLIENT, INTAKE, Stretch
from devctl.diagnosis.views import DiagnosisView
from devctl.errors import UsageError
from devctl.record.span_window import SpanRow
from devctl.text import count, duration

_MOST_ROOTS = 5
_SLOW_FACTOR, _SLOW_MS = 1.5, 10.0
"""Somebody asks for what is slow: half as long again counts, if it is more than the clock's noise."""


def about_errors(facts: Facts) -> DiagnosisView:
    """Return what fails of late, however seldom, the service where it fails first."""
    entries = requests.failing(facts.traffic, facts.owners_of_ports, least_errors=1, least_share=0.0)
    blame = _of_entries(facts, entries)
    number = sum(entry.count for entry in entries if not entry.main)
    well = f"No request failed in {_window(facts)}."
    return _view(facts, "--errors", blame, well, f"{count(number, 'request')} failed in {_window(facts)}")


def _of_entries(facts: Facts, entries: Sequence[requests.Failing]) -> Blame:
    """Return a root for each service in which requests fail by themselves, with the path of its callers."""
    facts.requests.failing = list(entries)
    names = dict.fromkeys(name for entry in entries for name in (entry.service, *entry.targets) if name)
    causes = {name: sorted(each, key=lambda cause: cause.rank) for name in names if (each := _edges(facts, name))}
    return _with_roots(causes)


def _with_roots(causes: dict[str, list[Cause]]) -> Blame:
    """Return the services that blame no other one of these as roots, those that explain most first."""
    roots = []
    for name, each in causes.items():
        if not any(other in causes and other != name for cause in each for other in cause.blames):
            callers = [other for other, their in causes.items() if any(name in cause.blames for cause in their)]
            roots.append(Root(each[0], each[1:], {other: [name, other] for other in callers} or {name: [name]}))
    return Blame(causes, sorted(roots, key=lambda root: -len(root.paths))[:_MOST_ROOTS])


def _edges(facts: Facts, name: str) -> list[Cause]:
    return [*failing.examine(facts, name), *not_answering.examine(facts, name)]


def about_slowness(facts: Facts) -> DiagnosisView:
    """Return what takes longer than when all was well, by the time that it lost itself."""
    entries = requests.slow(facts.traffic, factor=_SLOW_FACTOR, least_ms=_SLOW_MS)
    entries.sort(key=lambda entry: entry.self_before_ms - entry.self_now_ms)
    causes: dict[str, list[Cause]] = {}
    for entry in entries:
        causes.setdefault(entry.service, []).append(slow.cause_of(facts, entry))
    return _view(
        facts, "--slow", _with_roots(causes), _slowest(facts), f"{count(len(causes), 'service')} became slower"
    )


def _slowest(facts: Facts) -> str:
    """Return where most time goes though nothing became slower."""
    stretch = facts.traffic.recent
    spent = {
        key: sum(requests.self_time(row, stretch) for row in rows) / max(len(rows), 1) / 1e6
        for key, rows in stretch.intake.items()
    }
    if not spent:
        return f"No request came in within {_window(facts)}."
    service, operation = max(spent, key=lambda key: spent[key])
    took = duration(spent[service, operation] / 1e3)
    return f"Nothing is slower than when all was well. Most time goes into {operation} of {service}: {took} each."


def about_trace(facts: Facts, trace_id: str) -> DiagnosisView:
    """Return where one trace failed, else where its time went."""
    rows = facts.traffic.trace(trace_id)
    if not rows:
        raise UsageError(f"no trace {trace_id} in this run", next="`devctl traces` lists them.")
    blame, well = _of_rows(facts, rows)
    return _view(facts, trace_id, blame, well, f"trace {trace_id[:8]} failed")


def about_journey(facts: Facts, entity: str) -> DiagnosisView:
    """Return where the journey of one thing failed; UsageError when it is none's, or several have that id."""
    table = {journey.name: facts.traffic.traces_with(journey.attribute, entity) for journey in facts.spec.journeys}
    names = [name for name, traces in table.items() if traces]
    if len(names) > 1:
        raise UsageError(f"{entity} is the id of a {' and of a '.join(names)}", next="Name a trace: `devctl traces`.")
    if not names:
        what = f"{entity} is no service, no trace and no id of a journey in this run"
        raise UsageError(what, next="`devctl status` lists the services, `devctl traces` the traces.")
    traces = table[names[0]]
    rows = [row for trace in traces for row in facts.traffic.trace(trace)]
    blame, well = _of_rows(facts, sorted(rows, key=lambda row: row.start_ns))
    last = max(rows, key=lambda row: row.end_ns)
    ago = duration(max(facts.now_ns - last.end_ns, 0) / 1e9)
    return _view(facts, entity, blame, f"{well} Last: {last.operation} of {last.service}, {ago} ago.",
                 f"the journey of {names[0]} {entity} failed")  # fmt: skip


def _of_rows(facts: Facts, rows: Sequence[SpanRow]) -> tuple[Blame, str]:
    """Return a root for each span that failed with nothing failed below it, and the sentence for when none did."""
    stretch = Stretch(rows)
    failed = [row for row in rows if row.error and not any(child.error for child in stretch.children_of(row))]
    lines = lines_of_traces(facts, rows, {row.service for row in failed})
    causes: dict[str, Cause] = {}
    for row in failed:
        causes.setdefault(row.service, _failed_span(facts, row, lines))
    roots = [Root(cause, [], _callers(cause, failed, stretch)) for cause in causes.values()]
    hops = {row.service: [_hop(row)] for row in reversed(rows) if row.error}
    return Blame(hops | {name: [cause] for name, cause in causes.items()}, roots), _where_time_went(rows, stretch)


def _hop(row: SpanRow) -> Cause:
    text = f"{row.service} failed in {row.operation}"
    return Cause(row.service, "errors", text, "", (span_evidence(row, f"{row.operation} failed"),))


def _failed_span(facts: Facts, row: SpanRow, lines: Sequence[LogLine]) -> Cause:
    details = facts.traffic.attributes([row]).get(row.id, {})
    status = requests.status_of(details)
    target = requests.service_of(details, facts.owners_of_ports) if row.kind == CLIENT else ""
    answered = f" with {status}" if status else ""
    written = [line for line in lines if line.instance.rpartition(".")[0] == row.service]
    evidence = [span_evidence(row, f"{row.operation} failed{answered} after {duration(row.duration_ns / 1e9)}"),
                line_evidence(row.service, written[-5:], "it wrote in this trace")]  # fmt: skip
    to = f" to {target}" if target else ""
    return Cause(
        row.service,
        "errors" if row.kind in INTAKE else "callee-fails" if target else "failed-step",
        f"{row.service} failed{answered} in {row.operation}{to}" + (f": {written[-1].text[:160]}" if written else ""),
        f"`devctl traces {row.trace.hex()}` shows all of it; `devctl why {target or row.service}` whether it "
        f"still does.",
        tuple(piece for piece in evidence if piece),
        Confidence.CERTAIN,
        since_ns=row.start_ns,
    )


def _callers(cause: Cause, failed: Sequence[SpanRow], stretch: Stretch) -> dict[str, list[str]]:
    """Return the path from a failed span up through the services that failed with it."""
    row = next(each for each in failed if each.service == cause.service)
    path = [row.service]
    while (parent := stretch.by_id.get((row.trace, row.parent))) is not None and row.parent:
        if parent.error and parent.service not in path:
            path.append(parent.service)
        row = parent
    return {path[-1]: path}


def _where_time_went(rows: Sequence[SpanRow], stretch: Stretch) -> str:
    taken = {row.id: requests.self_time(row, stretch) for row in rows if row.kind in INTAKE or not row.parent}
    whole = duration((max(row.end_ns for row in rows) - min(row.start_ns for row in rows)) / 1e9)
    if not taken:
        return f"Nothing failed in it; it took {whole}."
    longest = max(taken, key=lambda number: taken[number])
    row = next(each for each in rows if each.id == longest)
    return (
        f"Nothing failed in it. It took {whole}, most of it in {row.operation} of {row.service} itself "
        f"({duration(taken[longest] / 1e9)})."
    )


def _window(facts: Facts) -> str:
    rows = facts.traffic.recent.rows
    if not rows:
        return "the last minute"
    return f"the last {duration(max(facts.now_ns - min(row.start_ns for row in rows), 0) / 1e9)}"


def _view(facts: Facts, question: str, blame: Blame, well: str, bad: str) -> DiagnosisView:
    return {
        "state": "problem" if blame.roots else "healthy",
        "summary": bad if blame.roots else well,
        "question": question,
        "run": facts.snapshot.state.run,
        "since": "",
        "roots": [root_view(root, blame) for root in blame.roots],
        "ruled_out": [],
        "waiting": [],
        "notes": [],
    }
