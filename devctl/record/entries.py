"""Which entry a line belongs to: the lines of an exception or of a text over several lines say no level of their own.

An entry begins with a line that has a level, is a JSON object or begins with a time. The lines after one with a level,
of the same source, belong to it: those of a stack trace in any case, others when they came with it. Pure.
"""

from __future__ import annotations

import re
from dataclasses import replace

from devctl.record.batch import Batch, Label
from devctl.record.lines import Line, Parsed, severity

_TIME = re.compile(rb"[\[(]?(?:\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d:\d\d)")
_TRACEBACK = b"Traceback (most recent call last"
_INDENTED = (b" ", b"\t")
_EXCEPTION = re.compile(  # as Python and Java write them
    rb"Caused by: |Suppressed: |Exception in thread |During handling of |The above exception "
    rb"|[\w.$]+(?:Error|Exception|Warning|Exit|Interrupt)\b"
)
_TOGETHER_NS = 500_000_000  # a program writes an entry at once; a second later it says something else
_NOTHING = Parsed(None, "")


class Entries:
    """The entry under way of each source; lines are shown to it in their order."""

    def __init__(self) -> None:
        self._heads: dict[Label, Parsed] = {}
        self._last_ns: dict[Label, int] = {}

    def head(self, label: Label) -> Parsed:
        """Return what the lines that come next belong to, unless they begin an entry."""
        return self._heads.get(label, _NOTHING)

    def belongs(self, label: Label, raw: bytes, parsed: Parsed, time_ns: int) -> bool:
        """Tell whether a line belongs to the entry under way."""
        if label.is_otlp or self.head(label).level is None:
            return False
        if raw.startswith((_TRACEBACK, *_INDENTED)):
            return True
        if parsed.level is not None or raw.startswith(b"{") or _TIME.match(raw):
            return False
        return time_ns - self._last_ns[label] < _TOGETHER_NS or _EXCEPTION.match(raw) is not None

    def attribute(self, label: Label, raw: bytes, parsed: Parsed, time_ns: int) -> Parsed:
        """Return what is understood of the next line, with the level and the trace of the entry that it belongs to."""
        if label.is_otlp:
            return parsed
        belongs = self.belongs(label, raw, parsed, time_ns)
        self._last_ns[label] = time_ns
        if not belongs:
            self._heads[label] = parsed
            return parsed
        head = self._heads[label]
        if raw.startswith(_TRACEBACK) and severity(parsed.level) > severity(head.level):  # what was raised is worse
            head = self._heads[label] = replace(head, level=parsed.level)
        return replace(parsed, level=head.level, trace_id=parsed.trace_id or head.trace_id)

    def attributed(self, label: Label, line: Line) -> Parsed:
        """Return what is understood of the next line of a source, as `attribute` does."""
        return self.attribute(label, line.raw, line.parsed, line.time_ns)


def attributed_lines(batch: Batch, entries: Entries) -> list[tuple[Line, bool]]:
    """Return the lines of a batch with the level and trace of their entries, each with whether it begins one."""
    lines = []
    for line in batch.lines():
        begins = not entries.belongs(batch.label, line.raw, line.parsed, line.time_ns)
        line.__dict__["parsed"] = entries.attributed(batch.label, line)
        lines.append((line, begins))
    return lines
