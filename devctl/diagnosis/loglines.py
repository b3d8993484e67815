"""The last lines of an instance as evidence: read, rendered for people, folded where they are equal."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from devctl.diagnosis.evidence import Evidence, EvidenceKind
from devctl.record.store import Run

LINES_READ = 80
"""How far back a reason is looked for: a traceback through a framework is some fifty lines."""

LINES_SHOWN = 5
_LONGEST = 400  # characters of one line that are shown: the sentence is in it, a dump is not

_DETAILS = ("error", "exception", "err", "exc_info", "detail", "reason", "cause")
"""Fields of a JSON line that say what the message leaves out."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: `raw` as it was written, `text` as people read it."""

    instance: str
    at_ns: int
    raw: str
    text: str
    level: str


def read_lines(run: Run, instance: str, count: int, since_ns: int | None = None) -> list[LogLine]:
    """Return the last lines of an instance."""
    from devctl.record import logs  # a stack in which nothing is wrong needs no reader of logs

    query = logs.Query(services=(instance,), tail=count, since_ns=since_ns)
    return [_line(line, instance) for line in logs.read(run, query)]


_LINES_OF_TRACE = 200
_BEFORE_NS, _AFTER_NS = 1_000_000_000, 10_000_000_000
"""What belongs to a trace is written so close to its spans; only there it is looked for, however long the log is."""


def read_lines_of(run: Run, trace_id: str, services: Collection[str], start_ns: int, end_ns: int) -> list[LogLine]:
    """Return the last lines of some services that belong to a trace which lasted from `start_ns` to `end_ns`."""
    from devctl.record import logs

    query = logs.Query(
        services=tuple(services), trace_id=trace_id, since_ns=start_ns - _BEFORE_NS, until_ns=end_ns + _AFTER_NS
    )
    return [_line(line, line.instance) for line in deque(logs.read(run, query), _LINES_OF_TRACE)]


def _line(line: Any, instance: str) -> LogLine:
    parsed, raw = line.parsed, line.text.rstrip("\r")
    text = parsed.message
    for key in _DETAILS:
        detail = parsed.fields.get(key)
        if isinstance(detail, str) and detail and detail not in text:
            text = f"{text}: {detail.strip().splitlines()[-1]}"
            break
    return LogLine(instance, line.time_ns, raw, text, parsed.level or "")


def folded(texts: Iterable[str], most: int = LINES_SHOWN) -> tuple[str, ...]:
    """Return the last texts, neighbours that are equal told once with their number."""
    groups: list[tuple[str, int]] = []
    for text in texts:
        if groups and groups[-1][0] == text:
            groups[-1] = (text, groups[-1][1] + 1)
        elif text.strip():
            groups.append((text, 1))
    return tuple(f"{_cut(text)} (×{times})" if times > 1 else _cut(text) for text, times in groups[-most:])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def line_evidence(service: str, lines: Sequence[LogLine], what: str = "its last lines") -> Evidence | None:
    """Return lines of a log as evidence; None when there are none."""
    if not lines:
        return None
    pointer: dict[str, str | int] = {"instance": lines[-1].instance, "time_ns": lines[0].at_ns}
    shown = folded(line.text for line in lines)
    return Evidence(EvidenceKind.LINES, service, what, lines[-1].at_ns, pointer, shown)
