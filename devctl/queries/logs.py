"""Log lines by what they belong to: traces, one thing such as an order, a template that many lines share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from devctl.record import logs
from devctl.record.batch import Batch, Label, pattern_finder
from devctl.record.entries import Entries, attributed_lines
from devctl.record.lines import Line
from devctl.record.store import Run

MOST_EXAMPLE = 4_000  # characters of an entry over many lines; a stack trace has some thousand
MOST_TRACES = 10_000
"""Of so many traces the lines are shown with one thing."""


def of_traces(run: Run, trace_ids: Iterable[str]) -> list[Line]:
    """Return the lines that carry one of these trace ids, by time of arrival."""
    lines = [line for trace_id in trace_ids for line in logs.read(run, logs.Query(trace_id=trace_id))]
    return sorted(lines, key=lambda line: line.time_ns)


def thing_fields(run: Run) -> tuple[str, ...]:
    """Return the log fields that name a thing in this run's stack (`journeys:` in the manifest)."""
    try:
        return tuple(journey["field"] for journey in json.loads(run.spec_file.read_bytes())["journeys"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


class Belongs:
    """Keeps the lines about one thing: those that name it in a field, and those of the traces of such lines.

    `fields` are the names of such fields; without any, each field counts. It learns traces from what it sees.
    """

    def __init__(self, identity: str, fields: Sequence[str] = ()) -> None:
        self._identity = identity
        self._fields = frozenset(fields)
        self._traces: set[str] = set()
        self._pattern = self._compiled()

    def learn(self, run: Run) -> None:
        """Learn the traces from all that is on disk now, so that lines before the first mention are kept, too."""
        for batch in logs.read_batches(run, logs.Query(grep=re.escape(self._identity))):
            self.keep(batch)

    def keep(self, batch: Batch) -> Batch | None:
        """Return the lines of `batch` that belong; None when none do."""
        likely = batch.search(pattern_finder(self._pattern))
        return likely.select(self._belongs) if likely else None

    def has_trace(self, trace_id: str) -> bool:
        """Tell whether a trace is one of those that belong."""
        return trace_id in self._traces

    def _belongs(self, line: Line) -> bool:
        parsed = line.parsed
        if parsed.trace_id in self._traces:
            return True
        named = any(str(value) == self._identity and self._counts(name) for name, value in parsed.fields.items())
        if named and parsed.trace_id and len(self._traces) < MOST_TRACES:
            self._traces.add(parsed.trace_id)
            self._pattern = self._compiled()
        return named

    def _counts(self, name: str) -> bool:
        return not self._fields or name in self._fields

    def _compiled(self) -> re.Pattern[bytes]:
        return re.compile(b"|".join(re.escape(word.encode()) for word in (self._identity, *sorted(self._traces))))


_VARIABLE = re.compile(
    r"(?P<uuid>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)"
    r"|(?P<address>\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b)"
    r"|(?P<id>\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}\b)"
    r"|(?P<text>\"[^\"]{0,500}\"|'[^']{0,500}')"
    r"|(?P<n>(?<![A-Za-z_])[-+]?\d+(?:[.,:]\d+)*)"
)


def template(message: str) -> str:
    """Return a message with what varies from line to line (numbers, ids, times, addresses, quoted text) left out."""
    return _VARIABLE.sub(lambda match: f"<{match.lastgroup}>", message)


@dataclass(slots=True)
class Group:
    """Lines of one service, level and template: how many, the first and last time, and the last of them."""

    service: str
    level: str | None
    template: str
    count: int = 0
    first_ns: int = 0
    last_ns: int = 0
    example: str = ""
    instances: set[str] = field(default_factory=set)

    def add(self, line: Line) -> None:
        """Count one line in."""
        self.count += 1
        self.first_ns = self.first_ns or line.time_ns
        self.last_ns = line.time_ns
        self.example = line.parsed.message
        self.instances.add(line.instance)

    def add_below(self, line: Line) -> None:
        """Add a line to the entry that was counted last."""
        if len(self.example) < MOST_EXAMPLE:
            self.example += f"\n{line.parsed.message}"


def groups(batches: Iterable[Batch], *, by_entries: bool = True) -> list[Group]:
    """Return the lines folded by template, the most frequent first; `by_entries`: the lines below an entry's first one
    count with it."""
    groups_by_key: dict[tuple[str, str | None, str], Group] = {}
    under_way: dict[Label, Group] = {}
    entries = Entries()
    for batch in batches:
        for line, begins in attributed_lines(batch, entries):
            if by_entries and not begins and batch.label in under_way:
                under_way[batch.label].add_below(line)
                continue
            parsed = line.parsed
            key = (line.service, parsed.level, template(parsed.message))
            group = under_way[batch.label] = groups_by_key.setdefault(key, Group(*key))
            group.add(line)
    return sorted(groups_by_key.values(), key=lambda group: -group.count)
