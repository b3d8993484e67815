"""Which lines are wanted, and the filter that keeps them, batch by batch. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import field

from devctl.record.batch import Batch, Label, caseless_finder, literal_finder, pattern_finder
from devctl.record.entries import Entries
from devctl.record.lines import LEVELS, Line, Parsed, severity
from devctl.values import dataclass

_SPECIAL = frozenset(".^$*+?{}[]\\|()")


@dataclass(frozen=True, slots=True)
class Query:
    """Which lines are wanted; everything left out means all.

    `services` holds names of services or of instances. `level` is the least severe one of LEVELS that is shown.
    `grep` is a regular expression (re.error when it is none), `ignore_case` for it. Times in ns since 1970,
    [since, until). `fields` must be equal as text.
    """

    services: tuple[str, ...] = ()
    since_ns: int | None = None
    until_ns: int | None = None
    tail: int | None = None
    level: str | None = None
    grep: str = ""
    ignore_case: bool = False
    trace_id: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def wants(self, label: Label) -> bool:
        """Tell whether lines of this source are wanted at all."""
        return not self.services or label.service in self.services or label.instance in self.services

    def is_selective(self) -> bool:
        """Tell whether the newest lines may be among those that are not wanted."""
        return bool(self.level or self.grep or self.trace_id or self.fields or self.until_ns is not None)


Filter = Callable[[Batch], Batch | None]


def make_filter(query: Query) -> Filter | None:
    """Return what keeps the wanted lines of a batch; None when all are wanted.

    Batches of one source are shown to it in their order: what a line belongs to, an entry, counts as its own.
    """
    steps: list[Filter] = []
    if query.trace_id:
        steps.append(_of_trace(query.trace_id.lower()))
    if query.level or query.fields:  # before lines go that others belong to
        steps.append(_by_content(query))
    if query.grep:
        steps.append(_grep(query.grep, ignore_case=query.ignore_case))
    if query.since_ns is not None or query.until_ns is not None:
        steps.append(lambda batch: batch.within(query.since_ns, query.until_ns))
    return _chain(steps) if steps else None


def _chain(steps: list[Filter]) -> Filter:
    if len(steps) == 1:
        return steps[0]

    def run(batch: Batch) -> Batch | None:
        left: Batch | None = batch
        for step in steps:
            if left is None:
                return None
            left = step(left)
        return left

    return run


def _searching(find: Callable[[bytes, int], int], keep: Callable[[bytes], bool] | None = None) -> Filter:
    return lambda batch: batch.search(find, keep)


def _grep(text: str, *, ignore_case: bool) -> Filter:
    is_literal = not _SPECIAL & set(text)
    if is_literal and not ignore_case:
        return _searching(literal_finder(text.encode()))
    if is_literal and text.isascii():
        return _searching(caseless_finder(text.encode()))
    flags = re.MULTILINE | (re.IGNORECASE if ignore_case else 0)
    whole = re.compile(text, flags)  # on decoded lines: what the pattern means, letters of all languages included
    if not text.isascii():
        return lambda batch: batch.select(lambda line: whole.search(line.text) is not None)
    pattern = re.compile(text.encode(), flags)
    if "(?" in text or "\\A" in text or "\\Z" in text or pattern.search(b""):
        return lambda batch: batch.select(lambda line: pattern.search(line.raw) is not None)
    return _searching(pattern_finder(pattern), lambda raw: pattern.search(raw) is not None)


def _by_content(query: Query) -> Filter:
    least = severity(query.level) if query.level else -1
    if query.level and least < 0:
        raise ValueError(f"no such level: {query.level} (there are {', '.join(LEVELS)})")

    entries = Entries()

    def keep(label: Label, line: Line) -> bool:
        parsed = entries.attributed(label, line)
        if query.level and severity(parsed.level) < least:
            return False
        return all(_field(parsed, name) == value for name, value in query.fields.items())

    return lambda batch: batch.select(lambda line: keep(batch.label, line))


def _of_trace(trace_id: str) -> Filter:
    """Return what keeps the lines that name a trace, and those that belong to such a line."""
    needle = trace_id.encode()
    search = _searching(literal_finder(needle))
    entries = Entries()
    is_open: dict[Label, bool] = {}  # the entry under way names the trace

    def keep(label: Label, line: Line) -> bool:
        names = needle in line.raw
        if not entries.belongs(label, line.raw, line.parsed, line.time_ns):
            is_open[label] = names
        entries.attributed(label, line)
        return names or is_open.get(label, False)

    def run(batch: Batch) -> Batch | None:
        if batch.label.is_otlp:
            return search(batch)
        if not is_open.get(batch.label) and needle not in batch.data:
            return None
        return batch.select(lambda line: keep(batch.label, line))

    return run


def _field(parsed: Parsed, name: str) -> str | None:
    named = {"level": parsed.level, "message": parsed.message, "trace_id": parsed.trace_id}
    value = named[name] if name in named else parsed.fields.get(name)
    return value if value is None or isinstance(value, str) else str(value)
