"""The telemetry contract: each line of it is one item, answered from what the checks left behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devctl.record import secrets
from devctl.smoke import conventions
from devctl.smoke.check import CheckFailed
from devctl.smoke.values import wildcard
from devctl.text import clean, count, listing

if TYPE_CHECKING:
    from devctl.manifest.smoke import Contract, Smoke
    from devctl.record.spans import Span
    from devctl.smoke.stack import RunningStack

CLIENT, CONSUMER = 3, 5  # opentelemetry.proto.trace.v1.Span.SpanKind
HTTP_DIGITS = 3
SETTLE_SECONDS = 10.0  # consumers may be late, exporters too
SHOWN = 5
RECOVERY_NS = 2 * 10**9  # what a check broke may go on failing while it comes back
EVERY = "*"


@dataclass(slots=True)
class Seen:
    """What the checks left behind: when they began, the traces and times in which spans may fail (work in the
    background has traces of its own), the secrets that were used."""

    began_ns: int
    allowed_traces: set[str] = field(default_factory=set)
    allowed_times: list[tuple[int, int]] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    kept: list[Span] | None = None
    exposed: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def spans(self, stack: RunningStack) -> list[Span]:
        """Return the spans since the checks began; they are read once until `forget`."""
        if self.kept is None:
            self.kept = list(stack.spans_within(self.began_ns, time.time_ns()))
        return self.kept

    def metrics(self, stack: RunningStack, service: str, path: str) -> set[str]:
        """Return the metrics that a service exposes; they are asked for once until `forget`."""
        if (service, path) not in self.exposed:
            self.exposed[service, path] = stack.exposed_metrics(service, path)
        return self.exposed[service, path]

    def allow(self, trace_id: str, began_ns: int) -> None:
        """Overlook what fails in a trace, and whatever else failed from a moment until now."""
        self.allowed_traces.add(trace_id)
        self.allowed_times.append((began_ns, time.time_ns()))

    def allows(self, span: Span) -> bool:
        """Tell whether a span may fail."""
        ended_ns = span.start_ns + span.duration_ns
        is_in_time = any(
            began <= ended_ns and span.start_ns <= ended + RECOVERY_NS for began, ended in self.allowed_times
        )
        return is_in_time or span.trace_id in self.allowed_traces

    def forget(self) -> None:
        """Read spans and metrics again the next time: more may have come."""
        self.kept = None
        self.exposed.clear()


@dataclass(frozen=True, slots=True)
class ContractLine:
    """One line: `service` must show (or never show) what `what` says."""

    service: str
    what: str
    check: Callable[[RunningStack, Seen], None]
    waits: bool = True

    @property
    def name(self) -> str:
        return f"{self.service}: {self.what}"

    def run(self, stack: RunningStack, seen: Seen) -> None:
        """Raise CheckFailed unless the line holds, after a while for what may be late."""
        end = time.monotonic() + (SETTLE_SECONDS if self.waits else 0.0)
        while True:
            try:
                return self.check(stack, seen)
            except CheckFailed:
                if time.monotonic() >= end:
                    raise
            seen.forget()
            time.sleep(0.2)


def lines(smoke: Smoke, services: Sequence[str], metrics_paths: Mapping[str, str]) -> list[ContractLine]:
    """Return the lines of a contract; `*` is written out for each of `services`."""
    result: list[ContractLine] = []
    for name, contract in smoke.contract.items():
        for service in services if name == EVERY else [name]:
            result += _of_service(service, contract, metrics_paths.get(service, "/metrics"))
    return list({line.name: line for line in result}.values())


def _of_service(service: str, contract: Contract, metrics_path: str) -> Iterator[ContractLine]:
    for name in contract.spans:
        yield ContractLine(service, f"span {name}", _span(service, name))
    for call in contract.calls:
        yield ContractLine(service, f"calls {call}", _call(service, call))
    for metric in contract.metrics:
        yield ContractLine(service, f"metric {metric}", _metric(service, metric, metrics_path))
    for log_field in contract.logs.fields:
        yield ContractLine(service, f"log field {log_field}", _log_field(service, log_field))
    for attribute in contract.resource:
        yield ContractLine(service, f"resource {attribute}", _resource(service, attribute))
    if contract.conventions:
        yield ContractLine(service, "semantic conventions", _conventional(service), waits=False)
    if contract.never.errors:
        yield ContractLine(service, "never an error", _no_errors(service), waits=False)
    if contract.never.secrets:
        yield ContractLine(service, "never a secret", _no_secrets(service), waits=False)
    if contract.never.unbounded:
        yield ContractLine(service, "never a name without bound", _bounded(service), waits=False)


def _spans(stack: RunningStack, seen: Seen, service: str) -> list[Span]:
    return [span for span in seen.spans(stack) if span.service == service]


def _span(service: str, name: str) -> Callable[[RunningStack, Seen], None]:
    def check(stack: RunningStack, seen: Seen) -> None:
        names = {span.name for span in _spans(stack, seen, service)}
        if not any(wildcard(name, other) for other in names):
            there = listing(sorted(names)[:SHOWN]) or "none at all"
            raise CheckFailed(f"{service} sent no span {name!r}; it sent {there}", service=service)

    return check


def _call(service: str, call: str) -> Callable[[RunningStack, Seen], None]:
    callee, _, topic = call.partition(" via ")

    def check(stack: RunningStack, seen: Seen) -> None:
        spans = seen.spans(stack)
        if any(edge == (service, callee, topic) for edge in calls_of(spans)):
            return
        if topic:
            raise _lost_event(stack, seen, spans, service, callee, topic)
        to = sorted({there for caller, there, via in calls_of(spans) if caller == service and not via})
        raise CheckFailed(f"{service} never called {callee}; it called {listing(to) or 'nobody'}", service=service)

    return check


def calls_of(spans: Sequence[Span]) -> set[tuple[str, str, str]]:
    """Return (caller, callee, topic) for each call between services; the topic is empty for a plain one."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    edges = set()
    for span in spans:
        for key in ((span.trace_id, span.parent_id), *span.links):
            cause = by_id.get(key)
            if cause is not None and cause.service != span.service:
                edges.add((cause.service, span.service, _topic(span) if span.kind == CONSUMER else ""))
    return edges


def _topic(span: Span) -> str:
    return str(span.attributes.get("messaging.destination.name", ""))


def _lost_event(
    stack: RunningStack, seen: Seen, spans: Sequence[Span], producer: str, consumer: str, topic: str
) -> CheckFailed:
    """Return what is wrong with an edge through a broker, and with whom: nothing sent, nothing consumed, or the trace
    context lost by one of the two."""
    consumed = [s for s in spans if s.service == consumer and s.kind == CONSUMER and _topic(s) == topic]
    events = stack.events([topic], seen.began_ns)
    if not events:
        return CheckFailed(f"{producer} sent nothing to {topic}", service=producer)
    if not consumed:
        return CheckFailed(f"{consumer} consumed none of {count(len(events), 'event')} on {topic}", service=consumer)
    if not any(event.headers.get("traceparent") for event in events):
        return CheckFailed(f"the events of {producer} on {topic} carry no trace context", service=producer)
    return CheckFailed(f"{consumer} consumed from {topic} but lost the trace context of {producer}", service=consumer)


def _metric(service: str, metric: str, path: str) -> Callable[[RunningStack, Seen], None]:
    def check(stack: RunningStack, seen: Seen) -> None:
        import httpx

        try:
            names = seen.metrics(stack, service, path)
        except httpx.HTTPError as error:
            raise CheckFailed(f"{service} does not show its metrics on {path}: {error}", service=service) from error
        if not any(wildcard(metric, name) for name in names):
            raise CheckFailed(f"{service} does not expose {metric} on {path}", service=service)

    return check


def _log_field(service: str, name: str) -> Callable[[RunningStack, Seen], None]:
    def check(stack: RunningStack, seen: Seen) -> None:
        lines = stack.lines(services=[service], since_ns=seen.began_ns)
        if not any(name in line.parsed.fields or (name == "trace_id" and line.parsed.trace_id) for line in lines):
            what = f"none of the {count(len(lines), 'line')} of {service} has the field {name}"
            raise CheckFailed(what, service=service)

    return check


def _resource(service: str, attribute: str) -> Callable[[RunningStack, Seen], None]:
    def check(stack: RunningStack, seen: Seen) -> None:
        spans = _spans(stack, seen, service)
        lacking = [span for span in spans if attribute not in span.resource_attributes]
        if not spans or lacking:
            what = f"{len(lacking)} of {count(len(spans), 'span')} of {service} lack the resource attribute {attribute}"
            raise CheckFailed(what if spans else f"{service} sent no span", service=service)

    return check


def _conventional(service: str) -> Callable[[RunningStack, Seen], None]:
    def check(stack: RunningStack, seen: Seen) -> None:
        for span in _spans(stack, seen, service):
            for fault in conventions.faults(span):
                raise CheckFailed(f"the span {span.name!r} of {service}: {fault}", service=service)

    return check


def _no_errors(service: str) -> Callable[[RunningStack, Seen], None]:
    def check(stack: RunningStack, seen: Seen) -> None:
        spans = _spans(stack, seen, service)
        failed = [span for span in spans if is_fault(span) and not seen.allows(span)]
        if failed:
            example = failed[0]
            message = f"{count(len(failed), 'span')} of {service} failed, such as {example.name} ({example.trace_id})"
            raise CheckFailed(message, service=_deepest(stack, example) or service)

    return check


def is_fault(span: Span) -> bool:
    """Tell whether a span failed through a fault: to a caller an answer 4xx is an error too (semantic conventions for
    HTTP), but whether the question was wrong the checks themselves decide."""
    status = str(span.attributes.get("http.response.status_code", ""))
    return span.error and not (span.kind == CLIENT and len(status) == HTTP_DIGITS and status.startswith("4"))


def _deepest(stack: RunningStack, span: Span) -> str:
    from devctl.smoke.evidence import culprit

    return culprit([other for trace in stack.trace(span.trace_id) for other in trace.spans], span.service)


def _no_secrets(service: str) -> Callable[[RunningStack, Seen], None]:
    def check(stack: RunningStack, seen: Seen) -> None:
        for line in stack.lines(services=[service], since_ns=seen.began_ns):
            for what, value in secrets.find(line.text, seen.secrets):
                message = f"{service} wrote {what} into its log: {value}, in {_hidden(line.text, seen.secrets)}"
                raise CheckFailed(message, service=service)
        for span in _spans(stack, seen, service):
            for key, attribute in span.attributes.items():
                for what, value in secrets.find(f"{key}={attribute}", seen.secrets):
                    where = f"the attribute {key} of its span {span.name}"
                    raise CheckFailed(f"{service} put {what} into {where}: {value}", service=service)

    return check


def _hidden(text: str, values: set[str]) -> str:
    """Return the beginning of a line for a person to find it by, without what follows its first signs of a secret."""
    for value in values:
        text = text.replace(value, "********")
    import re

    return clean(re.sub(r"[A-Za-z0-9._~+/=-]{12,}", "…", text)[:200])


def _bounded(service: str) -> Callable[[RunningStack, Seen], None]:
    def check(stack: RunningStack, seen: Seen) -> None:
        names = sorted({span.name for span in _spans(stack, seen, service) if secrets.unbounded(span.name)})
        if names:
            raise CheckFailed(f"{service} has names of spans without bound: {listing(names[:SHOWN])}", service=service)

    return check
