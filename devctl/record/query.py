"""Which lines are wanted, and the filter that keeps them, batch by batch. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from devctl.record.batch import Batch, Label, caseless_finder, literal_finder, pattern_finder
from devctl.record.lines import LEVELS, Line, severity

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
    """Return what keeps the wanted lines of a batch; None when all are wanted. The cheapest test comes first."""
    steps: list[Filter] = []
    if query.trace_id:
        steps.append(_searching(literal_finder(query.trace_id.lower().encode())))
    if query.grep:
        steps.append(_grep(query.grep, ignore_case=query.ignore_case))
    if query.since_ns is not None or query.until_ns is not None:
        steps.append(lambda batch: batch.within(query.since_ns, query.until_ns))
    if query.level or query.fields:
        steps.append(_by_content(query))
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

    def keep(line: Line) -> bool:
        parsed = line.parsed
        if query.level and severity(parsed.level) < least:
            return False
        return all(_field(line, name) == value for name, value in query.fields.items())

    return lambda batch: batch.select(keep)


def _field(line: Line, name: str) -> str | None:
    parsed = line.parsed
    named = {"level": parsed.level, "message": parsed.message, "trace_id": parsed.trace_id}
    value = named[name] if name in named else parsed.fields.get(name)
    return value if value is None or isinstance(value, str) else str(value)
