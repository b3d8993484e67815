"""The report as Markdown, also for GitHub's step summary: the most important first, cut at a section's end. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from devctl.smoke.outcome import FAILED, FLAKY, PHASES, SKIPPED, Coverage, Outcome, Report
from devctl.smoke.report.junit import headline, text
from devctl.text import count, duration

MOST_BYTES = 1_000 << 10
"""GitHub takes 1,024 KiB a step and shows nothing of a larger summary."""
SIGNS = {FAILED: "❌", FLAKY: "⚠️", SKIPPED: "➖"}
SHOWN_EVIDENCE = 8_000
SHOWN_NAMES = 20
SHOWN_DIFFERENCES = 50


def document(report: Report) -> str:
    """Return the whole summary; sections that do not fit are left out, with a line that says so."""
    kept: list[str] = []
    size = 0
    sections = list(_sections(report))
    for number, section in enumerate(sections):
        size += len(section.encode()) + 2
        if size > MOST_BYTES:
            kept.append(f"_{count(len(sections) - number, 'section')} left out: GitHub shows no more._")
            break
        kept.append(section)
    return "\n\n".join(kept) + "\n"


def _sections(report: Report) -> Iterator[str]:
    yield _head(report)
    for outcome in report.failed:
        yield _failure(outcome, report.history.get(outcome.key, ""))
    for outcome in report.flaky:
        history = report.history.get(outcome.key, "")
        parts = [f"### ⚠️ flaky: {safe(outcome.name)}", *([safe(history)] if history else [])]
        yield "\n\n".join([*parts, fenced(outcome.attempts[0][:SHOWN_EVIDENCE])])
    if report.notes:
        yield "\n".join(f"- {safe(note)}" for note in report.notes)
    yield _table(report.outcomes)
    if report.green_run:
        yield _differences(report)
    yield _coverage(report.coverage)
    yield "| | |\n|---|---|\n" + "\n".join(f"| {safe(k)} | {safe(v)} |" for k, v in report.properties.items())


def _head(report: Report) -> str:
    sign = SIGNS.get(report.verdict, "✅" if report.verdict == "passed" else "⛔")
    counts = [count(len(report.outcomes), "item"), f"{len(report.failed)} failed"]
    counts += [f"{len(report.flaky)} flaky"] if report.flaky else []
    took = f"{duration(report.seconds)}, {duration(report.overhead_seconds)} of it devctl's own"
    blamed = list(dict.fromkeys(outcome.service for outcome in report.failed if outcome.service))
    first = f"\n\n**Look at {safe(blamed[0])} first.**" if blamed else ""
    return f"## {sign} smoke of {safe(report.stack)}: {report.verdict}\n\n{', '.join(counts)} in {took}.{first}"


def _differences(report: Report) -> str:
    """Return what is not as in the last green run."""
    head = f"### Against the last green run, {safe(report.green_run)}"
    rows = [
        f"| {entry.kind} | {safe(entry.subject)} | {safe(entry.before)} | {safe(entry.after)} |"
        for entry in report.differences[:SHOWN_DIFFERENCES]
    ]
    if not rows:
        return f"{head}\n\nNothing differs."
    more = len(report.differences) - len(rows)
    rest = f"\n\n… and {more} more: `devctl smoke --json` has them all." if more else ""
    return "\n".join([f"{head}\n", "| what | of | then | now |", "|---|---|---|---|", *rows]) + rest


def _failure(outcome: Outcome, history: str) -> str:
    parts = [f"### ❌ {safe(outcome.phase)}: {safe(outcome.name)}", safe(headline(outcome))]
    parts += [safe(history)] if history else []
    if outcome.text and outcome.text != outcome.message:
        parts.append(fenced(outcome.text[:SHOWN_EVIDENCE]))
    if outcome.evidence and outcome.evidence not in outcome.text[:SHOWN_EVIDENCE]:
        parts.append(fenced(outcome.evidence[:SHOWN_EVIDENCE]))
    if outcome.trace_id:
        parts.append(f"`devctl traces {outcome.trace_id}` shows the whole trace.")
    return "\n\n".join(parts)


def _table(outcomes: Sequence[Outcome]) -> str:
    rows = ["| phase | items | failed | time |", "|---|---|---|---|"]
    for phase in PHASES:
        there = [outcome for outcome in outcomes if outcome.phase == phase]
        if there:
            bad = sum(outcome.is_bad for outcome in there)
            took = duration(sum(outcome.seconds for outcome in there))
            rows.append(f"| {phase} | {len(there)} | {bad} | {took} |")
    return "\n".join(rows)


def _coverage(coverage: Coverage) -> str:
    lines = ["### Coverage", ""]
    for what, touched, missed in (
        ("services", coverage.touched_services, coverage.services),
        ("operations", coverage.touched_routes, coverage.routes),
        ("calls", coverage.touched_edges, coverage.edges),
    ):
        shown = ", ".join(safe(name) for name in missed[:SHOWN_NAMES])
        more = f" and {len(missed) - SHOWN_NAMES} more" if len(missed) > SHOWN_NAMES else ""
        untouched = f"; no check touched {shown}{more}" if missed else ""
        lines.append(f"- {touched} of {touched + len(missed)} {what}{untouched}")
    return "\n".join(lines)


def safe(value: str) -> str:
    """Return text that Markdown takes as text: no markup, no HTML, no mention of anybody, on one line."""
    plain = " ".join(text(value).split())
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]()#+!|~" else c for c in plain)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace("@", "@\u200b")


def fenced(value: str) -> str:
    """Return text as a block of code, whatever fences it holds itself."""
    plain = text(value)
    longest = max((len(run) for run in _runs(plain)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}text\n{plain}\n{fence}"


def _runs(value: str) -> Iterator[str]:
    import re

    return iter(re.findall(r"`+", value))
