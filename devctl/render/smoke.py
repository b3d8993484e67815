"""How a smoke run looks: a line for each item as it ends, what explains a failure, and the summary."""

from __future__ import annotations

from devctl.render.terminal import Terminal
from devctl.text import clean, clean_lines, count, duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from devctl.queries.compare import Difference

    class Outcome(Protocol):
        """One item as a smoke run leaves it."""

        phase: str
        name: str
        status: str
        seconds: float
        message: str
        text: str
        service: str
        evidence: str

    class Report(Protocol):
        """A whole run."""

        @property
        def verdict(self) -> str: ...
        @property
        def outcomes(self) -> Sequence[Outcome]: ...
        @property
        def seconds(self) -> float: ...
        @property
        def overhead_seconds(self) -> float: ...
        @property
        def notes(self) -> Sequence[str]: ...
        @property
        def history(self) -> Mapping[str, str]: ...
        @property
        def green_run(self) -> str: ...
        @property
        def differences(self) -> Sequence[Difference]: ...


SHOWN_DIFFERENCES = 8
SIGNS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "flaky": ("~", "yellow"), "skipped": ("-", "dim")}


def outcome(entry: Outcome, terminal: Terminal) -> list[str]:
    """Return the lines of one item."""
    sign, style = SIGNS.get(entry.status, ("?", "dim"))
    took = terminal.paint(f" {duration(entry.seconds)}" if entry.seconds else "", "dim")
    phase = terminal.paint(f"{entry.phase:<8}", "dim")
    lines = [f"{terminal.paint(sign, style)} {phase} {clean(entry.name)}{took}"]
    if entry.status == "skipped" and entry.message:
        lines.append(terminal.paint(f"    {clean(entry.message)}", "dim"))
    if entry.status == "failed":
        lines += _failure(entry, terminal)
    return lines


def _failure(entry: Outcome, terminal: Terminal) -> list[str]:
    blamed = terminal.paint(clean(entry.service), "bold") + ": " if entry.service else ""
    lines = [f"    {blamed}{clean_lines(entry.message)}"]
    details = "\n".join(dict.fromkeys(part for part in (entry.text, entry.evidence) if part))
    lines += [f"    {clean(line)}" for line in details.splitlines() if line != entry.message]
    return lines


def _differences(report: Report) -> list[str]:
    """Return the first few things that are not as in the last green run."""
    shown = report.differences[:SHOWN_DIFFERENCES]
    rest = len(report.differences) - len(shown)
    more = f", and {rest} more in the report" if rest else ""
    head = clean(f"Not as in the last green run, {report.green_run}{more}:")
    return [head, *(clean(f"  {e.kind:<8} {e.subject}: {e.before} → {e.after}") for e in shown)]


def summary(report: Report, terminal: Terminal) -> list[str]:
    """Return the last lines."""
    bad = sum(entry.status == "failed" for entry in report.outcomes)
    flaky = sum(entry.status == "flaky" for entry in report.outcomes)
    style = {"passed": "green", "flaky": "yellow"}.get(report.verdict, "red")
    parts = [count(len(report.outcomes), "item"), *([f"{bad} failed"] if bad else [])]
    parts += [f"{flaky} flaky"] if flaky else []
    took = f"{duration(report.seconds)}, {duration(report.overhead_seconds)} of it devctl's own"
    lines = [f"{terminal.paint(report.verdict, style, 'bold')}: {', '.join(parts)} in {took}."]
    services = dict.fromkeys(entry.service for entry in report.outcomes if entry.status == "failed" and entry.service)
    if services:
        lines.append(f"Look at {clean(next(iter(services)))} first.")
    lines += [clean(f"{key}: {sentence}.") for key, sentence in report.history.items()]
    if report.differences and report.verdict != "passed":
        lines += _differences(report)
    return lines + [clean(note) for note in report.notes]
