"""Which requests fail or take long, and where: in the service itself, in one that it calls, or on the way there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from devctl.diagnosis.traffic import CLIENT, CONSUMER, INTAKE, PRODUCER, Stretch, Traffic, peer, percentile_ms
from devctl.record.span_window import SpanRow

LEAST_ERRORS = 3
"""Fewer failures are chance."""

LEAST_SHARE = 0.07
"""A smaller part of the requests of one operation that fails is told by `--errors` only."""

_MOSTLY = 0.7
"""So many of the calls must lack their other end: spans of the two sides arrive apart."""

_OVER = 12
"""So many good requests in a row, and what failed before is over."""

_TIMES_BASELINE = 3.0
_UNHEALTHY_SHARE = 0.1
"""Where so many failed from the start, nothing was well yet: there is nothing to compare with."""


@dataclass
class Failing:
    """The failed requests of one operation of a service, by where they failed: itself (empty), or another service.

    `requests`: how many there were, `example` one of the spans that say so, `statuses` what the callee answered.
    """

    service: str
    operation: str
    count: int
    requests: int
    since_ns: int
    example: SpanRow
    targets: dict[str, list[SpanRow]] = field(default_factory=dict)
    statuses: dict[str, set[int]] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)

    @property
    def main(self) -> str:
        """Where most of them failed."""
        return max(self.targets, key=lambda target: len(self.targets[target]), default="")


def failing(
    traffic: Traffic, ports: Mapping[int, str], *, least_errors: int = LEAST_ERRORS, least_share: float = LEAST_SHARE
) -> list[Failing]:
    """Return the operations that fail more often than when all was well. `ports`: number → service."""
    stretch, before = traffic.recent, traffic.baseline.operations
    results = []
    for (service, operation), rows in stretch.intake.items():
        failed = [row for row in rows if row.error]
        share = len(failed) / len(rows)
        usual = before[service, operation].share if (service, operation) in before else 0.0
        usual = usual * _TIMES_BASELINE if least_share and usual < _UNHEALTHY_SHARE else 0.0
        is_over = least_share and not any(row.error for row in rows[-_OVER:])
        if len(failed) >= least_errors and not is_over and share >= max(least_share, usual):
            since = min(row.start_ns for row in failed)
            entry = Failing(service, operation, len(failed), len(rows), since, failed[-1])
            _locate(entry, failed, stretch, traffic, ports)
            results.append(entry)
    return results


def _locate(
    entry: Failing, failed: Sequence[SpanRow], stretch: Stretch, traffic: Traffic, ports: Mapping[int, str]
) -> None:
    """Sort failed requests by where they failed."""
    alone: dict[str, int] = {}
    calls = {row.id: last_failed_call(row, stretch) for row in failed}
    attributes = traffic.attributes([call for call in calls.values() if call is not None])
    for row in failed:
        call = calls[row.id]
        if call is None:
            entry.targets.setdefault("", []).append(row)
            continue
        answered = stretch.callee(call)
        details = attributes.get(call.id, {})
        target = answered.service if answered else service_of(details, ports)
        entry.targets.setdefault(target or f"?{peer(details) or call.operation}", []).append(call)
        entry.statuses.setdefault(target, set()).add(status_of(details))
        if answered is None:
            alone[target] = alone.get(target, 0) + 1
    entry.unanswered = {name for name, number in alone.items() if number >= _MOSTLY * len(entry.targets.get(name, ()))}


def last_failed_call(row: SpanRow, stretch: Stretch) -> SpanRow | None:
    """Return the last call of a request that failed and that has a peer; None when none did."""
    calls = [child for child in stretch.within(row) if child.kind == CLIENT and child.error]
    calls = [call for call in calls if not _is_database(call)]
    return max(calls, key=lambda call: call.end_ns, default=None)


_STATEMENTS = re.compile(
    r"(?i)^(?:select|insert|update|delete|begin|commit|rollback|create|drop|with|pragma|connect)\b"
)


def _is_database(row: SpanRow) -> bool:
    """Whether a span is a statement: a database in the service's own process or file is the service's own."""
    return bool(_STATEMENTS.match(row.operation))


def service_of(attributes: Mapping[str, Any], ports: Mapping[int, str]) -> str:
    """Return the service of the stack that a call is for, by name or port; empty when it is none."""
    name = str(attributes.get("peer.service", ""))
    if name in ports.values():
        return name
    for key in ("server.port", "net.peer.port", "url.full", "http.url", "server.address"):
        for number in re.findall(r"(?:^|:)(\d{2,5})\b", str(attributes.get(key, ""))):
            if int(number) in ports:
                return ports[int(number)]
    return ""


def status_of(attributes: Mapping[str, Any]) -> int:
    """Return the HTTP status of a span, 0 for none."""
    status = attributes.get("http.response.status_code", attributes.get("http.status_code", 0))
    return int(status) if str(status).isdigit() else 0


@dataclass(frozen=True, slots=True)
class Slow:
    """An operation that takes longer than it did: in milliseconds before and now, and where the time goes."""

    service: str
    operation: str
    before_ms: float
    now_ms: float
    self_before_ms: float
    self_now_ms: float
    callee: str
    callee_ms: float
    example: SpanRow
    since_ns: int

    @property
    def is_its_own(self) -> bool:
        """Whether the time went into the service itself."""
        return self.self_now_ms - self.self_before_ms >= 0.5 * (self.now_ms - self.before_ms)


SLOW_FACTOR, SLOW_MS = 4.0, 150.0
"""A request is slow from four times its usual time on, if that is noticed at all; load alone doubles it soon."""

LEAST_REQUESTS = 5


def slow(traffic: Traffic, *, factor: float = SLOW_FACTOR, least_ms: float = SLOW_MS) -> list[Slow]:
    """Return the operations that take longer than when all was well, those that lost most time first."""
    recent, baseline = traffic.recent, traffic.baseline
    results = []
    for key, rows in recent.intake.items():
        before = baseline.intake.get(key, [])
        if len(rows) < LEAST_REQUESTS or len(before) < LEAST_REQUESTS:
            continue
        was, now = (percentile_ms([row.duration_ns for row in each], 50) for each in (before, rows))
        if now >= was * factor and now - was >= least_ms:
            results.append(_slow(key, before, rows, traffic, (was, now)))
    return sorted(results, key=lambda entry: -(entry.now_ms - entry.before_ms))


def _slow(
    key: tuple[str, str], before: Sequence[SpanRow], rows: Sequence[SpanRow], traffic: Traffic,
    medians: tuple[float, float],
) -> Slow:  # fmt: skip
    service, operation = key
    slowest = sorted(rows, key=lambda row: row.duration_ns)[len(rows) // 2 :]
    own_before = percentile_ms([self_time(row, traffic.baseline) for row in before], 50)
    own_now = percentile_ms([self_time(row, traffic.recent) for row in slowest], 50)
    callees: defaultdict[str, int] = defaultdict(int)
    for row in slowest:
        for call in traffic.recent.within(row):
            answered = traffic.recent.callee(call)
            if answered is not None:
                callees[answered.service] += call.duration_ns
    callee = max(callees, key=lambda name: callees[name], default="")
    mean = callees[callee] / len(slowest) / 1e6 if callee else 0.0
    since = min(row.start_ns for row in slowest)
    return Slow(service, operation, *medians, own_before, own_now, callee, mean, slowest[-1], since)


def self_time(row: SpanRow, stretch: Stretch) -> int:
    """Return the nanoseconds of a request that none of its calls to other services covers."""
    covered, end = 0, row.start_ns
    calls = [each for each in stretch.within(row) if each.kind == CLIENT and stretch.callee(each) is not None]
    for call in sorted(calls, key=lambda each: each.start_ns):
        begin, finish = max(call.start_ns, end), min(call.end_ns, row.end_ns)
        if finish > begin:
            covered += finish - begin
            end = finish
    return max(row.duration_ns - covered, 0)


@dataclass(frozen=True, slots=True)
class Repeated:
    """An operation that does the same thing many times in each request: how often before and now."""

    service: str
    operation: str
    child: str
    before: float
    now: float
    example: SpanRow


REPEATED_ALONE = 15
"""So many equal children of each request are one query for each item, whatever was before."""

REPEATED_MORE, REPEATED_FACTOR = 5, 3.0


def repeated(traffic: Traffic) -> Iterator[Repeated]:
    """Yield the operations whose requests do one thing far more often than they did."""
    for key, rows in traffic.recent.intake.items():
        if len(rows) < LEAST_ERRORS:
            continue
        now = _children_each(rows[-_NOW:], traffic.recent)
        earlier = traffic.baseline.intake.get(key, [])
        before = _children_each(earlier, traffic.baseline)
        for child, count in now.items():
            usual = before.get(child, 0.0)
            is_more = len(earlier) >= LEAST_ERRORS and count >= max(usual * REPEATED_FACTOR, usual + REPEATED_MORE)
            if is_more or (count >= REPEATED_ALONE and not earlier):
                yield Repeated(key[0], key[1], child, usual, count, rows[-1])


def _children_each(rows: Sequence[SpanRow], stretch: Stretch) -> dict[str, float]:
    """Return how often a request does each thing, on average."""
    counts: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        for child in stretch.within(row):
            counts[child.operation] += 1
    return {name: count / len(rows) for name, count in counts.items()}


@dataclass(frozen=True, slots=True)
class Missing:
    """A call that every request of an operation made and that none makes any more."""

    service: str
    operation: str
    callee: str
    before: int
    now: int
    example: SpanRow
    is_lost_context: bool


_ALWAYS = 0.9
_NOW = 10
"""The last requests that tell what one does now."""


def missing(traffic: Traffic) -> Iterator[Missing]:
    """Yield the calls that went missing, and those whose trace ends at the caller."""
    for key, rows in traffic.recent.intake.items():
        earlier = traffic.baseline.intake.get(key, [])
        fine = [row for row in rows if not row.error][-_NOW:]
        if len(earlier) < LEAST_REQUESTS or len(fine) < LEAST_REQUESTS:
            continue
        before, now = _callees(earlier, traffic.baseline), _callees(fine, traffic.recent)
        for callee, count in before.items():
            if count >= _ALWAYS * len(earlier) and not now.get(callee):
                lost = _has_orphans(traffic.recent, callee, key[0], traffic.baseline)
                yield Missing(key[0], key[1], callee, count, len(fine), fine[-1], lost)


def _callees(rows: Sequence[SpanRow], stretch: Stretch) -> dict[str, int]:
    """Return in how many of these requests each other service was called."""
    counts: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        answers = (stretch.callee(call) for call in (*stretch.within(row), row))
        called = {answered.service for answered in answers if answered and answered.kind != CONSUMER}
        for service in called:
            counts[service] += 1
    return counts


def _has_orphans(stretch: Stretch, service: str, caller: str, baseline: Stretch) -> bool:
    """Whether a service takes requests in that belong to no trace, which it did not, while its caller still calls."""
    orphans = [r for r in stretch.rows if r.service == service and r.kind in INTAKE and not r.parent]
    usual = [r for (name, _), rows in baseline.intake.items() if name == service for r in rows if not r.parent]
    calls = [r for r in stretch.rows if r.service == caller and r.kind == CLIENT and stretch.callee(r) is None]
    return len(orphans) >= LEAST_ERRORS and not usual and len(calls) >= LEAST_ERRORS


@dataclass(frozen=True, slots=True)
class Swallowed:
    """Calls or steps that fail while the request that made them is answered as good."""

    service: str
    operation: str
    step: str
    count: int
    requests: int
    example: SpanRow
    callee: str


def swallowed(traffic: Traffic) -> Iterator[Swallowed]:
    """Yield what fails inside of requests that are answered as good, and did not when all was well."""
    for key, rows in traffic.recent.intake.items():
        fine = [row for row in rows if not row.error]
        before = _failed_steps(traffic.baseline.intake.get(key, []), traffic.baseline)
        for step, examples in _failed_steps(fine, traffic.recent).items():
            if len(examples) >= max(LEAST_ERRORS, LEAST_SHARE * len(fine)) and step not in before:
                answered = traffic.recent.callee(examples[-1])
                callee = answered.service if answered else ""
                yield Swallowed(key[0], key[1], step, len(examples), len(fine), examples[-1], callee)


def _failed_steps(rows: Sequence[SpanRow], stretch: Stretch) -> dict[str, list[SpanRow]]:
    steps: defaultdict[str, list[SpanRow]] = defaultdict(list)
    for row in rows:
        for child in stretch.within(row):
            if child.error:
                steps[child.operation].append(child)
    return steps


@dataclass(frozen=True, slots=True)
class Unconsumed:
    """Messages of a topic that are sent and that a service, which took them in before, does not."""

    service: str
    topic: str
    sent: int
    last_ns: int
    example: SpanRow
    senders: tuple[str, ...]


_GRACE_NS, _TIMES_USUAL = 8_000_000_000, 3
"""A message may be under way for so long (outboxes and batches wait, a group shares its partitions out anew), or for
so many times as long as one ever was: a busy machine is no stuck consumer."""


def unconsumed(traffic: Traffic, now_ns: int, *, patience: float = 1.0) -> Iterator[Unconsumed]:
    """Yield the consumers that take nothing in while messages are sent; on a busy machine `patience` is above 1."""
    rows, baseline = traffic.recent.rows, traffic.baseline.rows
    consumers = {(row.service, topic_of(row.operation)) for row in baseline if row.kind == CONSUMER}
    consumers |= {(row.service, topic_of(row.operation)) for row in rows if row.kind == CONSUMER}
    origins, delays = _origins(traffic), _delays(traffic)
    for service, topic in sorted(consumers):
        taken = [
            r.end_ns for r in rows if r.kind == CONSUMER and r.service == service and topic_of(r.operation) == topic
        ]
        last = max(taken, default=0)
        sent = [r for r in rows if r.kind == PRODUCER and topic_of(r.operation) == topic and r.end_ns > last]
        if usual := origins.get((service, topic)):
            sent = [row for row in sent if _origin(row, traffic.recent) in usual]
        grace = max(int(_GRACE_NS * patience), _TIMES_USUAL * delays.get((service, topic), 0))
        overdue = [row for row in sent if row.end_ns < now_ns - grace]
        if topic and len(overdue) >= LEAST_ERRORS:
            senders = tuple(dict.fromkeys(row.service for row in overdue))
            yield Unconsumed(service, topic, len(overdue), last, overdue[-1], senders)


def _origins(traffic: Traffic) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Return for each consumer of a topic from what its messages came: it may leave others of the topic alone."""
    table: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for stretch in (traffic.baseline, traffic.recent):
        for row in stretch.rows:
            sender = stretch.by_id.get((row.trace, row.parent)) if row.kind == CONSUMER else None
            if sender is not None:
                table[row.service, topic_of(row.operation)].add(_origin(sender, stretch))
    return dict(table)


def _delays(traffic: Traffic) -> dict[tuple[str, str], int]:
    """Return for each consumer of a topic the longest time from the sending of a message to its being taken in."""
    table: defaultdict[tuple[str, str], int] = defaultdict(int)
    for stretch in (traffic.baseline, traffic.recent):
        for row in stretch.rows:
            sender = stretch.by_id.get((row.trace, row.parent)) if row.kind == CONSUMER else None
            if sender is not None:
                key = row.service, topic_of(row.operation)
                table[key] = max(table[key], row.start_ns - sender.end_ns)
    return dict(table)


def _origin(row: SpanRow, stretch: Stretch) -> tuple[str, str]:
    """Return the request or message in whose course a message was sent."""
    above: SpanRow | None = row
    for _ in range(_DEEPEST):
        if above is None or above.kind in INTAKE:
            break
        above = stretch.by_id.get((above.trace, above.parent)) if above.parent else None
    return (above.service, above.operation) if above else (row.service, "")


_DEEPEST = 50  # spans above one another in one service


def topic_of(operation: str) -> str:
    """Return the topic in the name of a span such as `send shop.order.v1` or `orders process`; empty without one."""
    verbs = {"send", "publish", "process", "receive", "create", "settle", "poll", "consume", "produce"}
    names = [word for word in operation.split() if word.lower() not in verbs]
    return names[0] if len(names) == 1 else ""


class Requests:
    """What stands out of the calls between services, each looked for once. `ports`: number → service."""

    def __init__(self, traffic: Traffic, ports: Mapping[int, str]) -> None:
        self._traffic = traffic
        self._ports = ports

    @cached_property
    def failing(self) -> list[Failing]:
        """The operations that fail more often than they did."""
        return failing(self._traffic, self._ports)

    @cached_property
    def slow(self) -> list[Slow]:
        """The operations that take longer than they did."""
        return slow(self._traffic)

    @cached_property
    def missing(self) -> list[Missing]:
        """The calls that are made no more."""
        return list(missing(self._traffic))

    @cached_property
    def repeated(self) -> list[Repeated]:
        """The operations whose requests do one thing far more often than they did."""
        return list(repeated(self._traffic))

    @cached_property
    def swallowed(self) -> list[Swallowed]:
        """What fails inside of requests that are answered as good."""
        return list(swallowed(self._traffic))
