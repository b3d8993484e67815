"""One trace as a tree: who called whom, how long each part took by itself, and what the whole waited for.

Spans of other traces that link to a span hang below it, so that a consumer stands under its producer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from devctl.queries.traces import CONSUMER
from devctl.record.spans import Span

if TYPE_CHECKING:
    from devctl.record.lines import Line

SpanKey = tuple[str, str]
SERVER = 2  # SPAN_KIND_SERVER of OTLP
_TELLING_SHARE = 5  # a span that spends a fifth of the whole by itself is worth a mark


@dataclass(slots=True)
class Row:
    """A span in its place. `self_ns` is the time that no child covers; `is_linked`: it hangs here by a link;
    `lacks_parent`: it has one that is not stored."""

    span: Span
    depth: int
    self_ns: int
    is_critical: bool = False
    is_linked: bool = False
    lacks_parent: bool = False
    lines: list[Line] = field(default_factory=list)


def rows(spans: Iterable[Span]) -> list[Row]:
    """Return the spans (of one trace or of several joined ones) depth first, siblings by start time."""
    ordered, originals = _told_apart(sorted(spans, key=lambda span: (span.start_ns, span.id)))
    keys = {_key(span) for span in ordered}
    children, roots, linked = _hang(ordered, keys)
    critical = critical_path(roots, children)
    result: list[Row] = []
    waiting = [(root, 0) for root in reversed(roots)]
    seen: set[SpanKey] = set()
    while waiting:
        span, depth = waiting.pop()
        key = _key(span)
        if key in seen:  # a ring of parents
            continue
        seen.add(key)
        below = children[key]
        row = Row(originals.get(key, span), depth, self_time(span, below), key in critical, key in linked)
        row.lacks_parent = depth == 0 and bool(span.parent_id) and not row.is_linked
        result.append(row)
        waiting.extend((child, depth + 1) for child in reversed(below))
    ring = [span for span in ordered if _key(span) not in seen]
    result.extend(Row(originals.get(_key(span), span), 0, span.duration_ns) for span in ring)
    _mark_what_tells(result)
    return result


def _told_apart(ordered: Sequence[Span]) -> tuple[list[Span], dict[SpanKey, Span]]:
    """Return the spans with an id each, and the originals of those that shared one, as a client and its server may.

    The server hangs below the client then, and what it called below the server.
    """
    by_key: defaultdict[SpanKey, list[Span]] = defaultdict(list)
    for span in ordered:
        by_key[_key(span)].append(span)
    shared = {key: sorted(spans, key=_is_called) for key, spans in by_key.items() if len(spans) > 1}
    if not shared:
        return list(ordered), {}
    renamed, originals = {}, {}
    for (trace, span_id), (first, *others) in shared.items():
        for number, other in enumerate(others, 2):
            parent = span_id if _is_called(other) and not _is_called(first) else other.parent_id
            twin = renamed[id(other)] = replace(other, span_id=f"{span_id}~{number}", parent_id=parent)
            originals[_key(twin)] = other
            originals.setdefault((trace, span_id), first)
    apart = [renamed.get(id(span), span) for span in ordered]
    return [_below_its_caller(span, shared, renamed) for span in apart], originals


def _below_its_caller(span: Span, shared: Mapping[SpanKey, Sequence[Span]], renamed: Mapping[int, Span]) -> Span:
    """Return a span whose parent's id is shared below that one of them that is of its own service, or was called."""
    candidates = shared.get((span.trace_id, span.parent_id), ())
    twins = [renamed[id(each)] for each in candidates if id(each) in renamed]
    if not twins or any(twin.span_id == span.span_id for twin in twins):
        return span
    chosen = next((twin for twin in twins if twin.service == span.service), None)
    if chosen is None and span.service == candidates[0].service:
        return span
    return replace(span, parent_id=(chosen or twins[-1]).span_id)


def _is_called(span: Span) -> bool:
    return span.kind in (SERVER, CONSUMER)


def _mark_what_tells(result: Sequence[Row]) -> None:
    """Where the whole waited for every span, mark those where it might have gone another way or took its time."""
    if len(result) < 2 or not all(row.is_critical for row in result):
        return
    whole = max(row.span.end_ns for row in result) - min(row.span.start_ns for row in result)
    siblings = Counter(row.span.parent_id for row in result)
    for row in result:
        is_long = row.self_ns * _TELLING_SHARE >= whole
        row.is_critical = is_long or (row.depth > 0 and siblings[row.span.parent_id] > 1)


def _hang(
    ordered: Sequence[Span], keys: set[SpanKey]
) -> tuple[defaultdict[SpanKey, list[Span]], list[Span], set[SpanKey]]:
    children: defaultdict[SpanKey, list[Span]] = defaultdict(list)
    roots: list[Span] = []
    linked: set[SpanKey] = set()
    for span in ordered:
        parent = (span.trace_id, span.parent_id)
        if span.parent_id and parent in keys:
            children[parent].append(span)
            continue
        cause = next((link for link in span.links if link in keys and link != _key(span)), None)
        if cause:
            children[cause].append(span)
            linked.add(_key(span))
        else:
            roots.append(span)
    return children, roots, linked


def _key(span: Span) -> SpanKey:
    return span.trace_id, span.span_id


def self_time(span: Span, children: Iterable[Span]) -> int:
    """Return the part of a span, in nanoseconds, that none of its children covers."""
    covered = 0
    reached = span.start_ns
    for child in sorted(children, key=lambda child: child.start_ns):
        start, end = max(child.start_ns, reached), min(child.end_ns, span.end_ns)
        if end > start:
            covered += end - start
            reached = end
    return max(span.duration_ns - covered, 0)


_SLACK_SHARE = 100
"""One that ended this part of its parent's time after its successor began still counts as having come before: what
measures takes time, and clocks differ."""


def critical_path(roots: Sequence[Span], children: dict[SpanKey, list[Span]]) -> set[SpanKey]:
    """Return the spans that the end of the whole waited for.

    From the last end backwards: of a span's children the one that ended last before the point reached decides,
    then the one that ended last before that one began (the "last finishing child" rule of trace analysis).
    """
    path: set[SpanKey] = set()
    if not roots:
        return path
    ends = _latest_ends(roots, children)
    first = min(roots, key=lambda span: (span.start_ns, span.id))
    waiting = [(first, ends[_key(first)])]
    while waiting:
        span, until = waiting.pop()
        path.add(_key(span))
        below = [child for child in children[_key(span)] if _key(child) not in path]
        waiting.extend(_waited_for(span, until, below, ends))
    return path


def _waited_for(span: Span, until: int, below: Sequence[Span], ends: dict[SpanKey, int]) -> Iterator[tuple[Span, int]]:
    """Yield the children that `until` waited for, the last first, each with the moment that was waited for."""
    point, slack = until, span.duration_ns // _SLACK_SHARE
    tail = max(
        (child for child in below if ends[_key(child)] <= until), key=lambda child: ends[_key(child)], default=None
    )
    if tail is not None and ends[_key(tail)] > max(tail.end_ns, span.end_ns):  # what it set going outlived it
        yield tail, ends[_key(tail)]
        point = tail.start_ns
    else:
        tail = None

    def end(child: Span) -> int:
        # A server may work on after its answer; whoever called it waited no longer than for its own end.
        return child.end_ns if child.kind == CONSUMER else min(child.end_ns, until)

    for child in sorted(below, key=end, reverse=True):
        if child is not tail and end(child) <= point + slack and child.start_ns <= point:
            yield child, ends[_key(child)] if ends[_key(child)] <= point else end(child)
            point = child.start_ns


def _latest_ends(roots: Sequence[Span], children: dict[SpanKey, list[Span]]) -> dict[SpanKey, int]:
    """Return when the last of each span and all below it ended."""
    ends: dict[SpanKey, int] = {}
    order: list[Span] = []
    waiting = list(roots)
    while waiting:
        span = waiting.pop()
        if _key(span) not in ends:
            ends[_key(span)] = span.end_ns
            order.append(span)
            waiting.extend(children[_key(span)])
    for span in reversed(order):  # children come after their parent: from the leaves up
        below = (ends[_key(child)] for child in children[_key(span)])
        ends[_key(span)] = max(span.end_ns, *below, span.end_ns)
    return ends


def place_lines(rows: Sequence[Row], lines: Iterable[Line]) -> list[Line]:
    """Put each log line into the row of its span; return those that fit none.

    A line that names its span goes there; any other goes to the shortest span of its service that was open.
    """
    by_id = {row.span.span_id: row for row in rows}
    left: list[Line] = []
    for line in lines:
        row = by_id.get(str(line.parsed.fields.get("span_id", ""))) or _open_row(rows, line)
        (row.lines if row else left).append(line)
    return left


def _open_row(rows: Sequence[Row], line: Line) -> Row | None:
    fitting = [
        row for row in rows if row.span.service == line.service and row.span.start_ns <= line.time_ns <= row.span.end_ns
    ]
    return min(fitting, key=lambda row: row.span.duration_ns, default=None)
