"""`trace`: what must hold of the spans of the check's own trace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from devctl.smoke.check import CheckContext, CheckFailed
from devctl.smoke.values import compare, compare_seconds, wildcard
from devctl.text import duration

if TYPE_CHECKING:
    from devctl.manifest.smoke import SpanExpect, SpanSelect, TraceExpect, TraceStep
    from devctl.record.spans import Span

KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}  # of OTLP
SHOWN = 6
UNBOUNDED = 1e9


def run(step: TraceStep, context: CheckContext, within: float | None) -> None:
    """Wait until the trace is as expected; where a span more could break that, also until no more of them arrive."""

    def attempt() -> None:
        together = context.stack.trace(context.origin.trace_id)
        check(step, [span for trace in together for span in trace.spans], context)

    context.until(within, attempt)
    if is_bounded(step.expect):
        context.stack.settled_trace(context.origin.trace_id)
        attempt()


def is_bounded(expect: TraceExpect) -> bool:
    """Tell whether a span that arrives late can break what holds so far."""
    grows_freely = compare(expect.count, UNBOUNDED)
    return bool(expect.every or expect.duration or not grows_freely)


def check(step: TraceStep, spans: Sequence[Span], context: CheckContext) -> None:
    """Raise CheckFailed unless the spans are as the step says."""
    service, expect = context.fill(step.select.service), step.expect
    chosen = [span for span in spans if is_selected(span, step.select, context)]
    if not compare(expect.count, len(chosen)):
        raise CheckFailed(
            f"{len(chosen)} such spans, expected {expect.count}; {_listed(spans, service)}", service=service
        )
    below = _descendants(spans)
    for span in chosen:
        if expect.duration and not compare_seconds(expect.duration, span.duration_ns / 1e9):
            took = duration(span.duration_ns / 1e9)
            raise CheckFailed(
                f"{span.service} {span.name} took {took}, expected {expect.duration}", service=span.service
            )
        if expect.every and (why := misfit(span, expect.every, below, context)):
            raise CheckFailed(f"{span.service} {span.name} {why}", service=span.service)
    if expect.some and all(misfit(span, expect.some, below, context) for span in chosen):
        why = misfit(chosen[0], expect.some, below, context) if chosen else "there is none"
        raise CheckFailed(f"no such span is as expected; the first {why}", service=service)


def is_selected(span: Span, select: SpanSelect, context: CheckContext) -> bool:
    """Tell whether a span is one of those that are meant."""
    return (
        (not select.service or span.service == context.fill(select.service))
        and (not select.name or wildcard(context.fill(select.name), span.name))
        and (not select.kind or span.kind == KINDS[select.kind])
        and _has(span, context.fill(select.attr))
    )


def _has(span: Span, attributes: Mapping[str, str]) -> bool:
    from devctl.record.spans import has_attributes

    return not attributes or has_attributes(span, attributes.items())


def misfit(span: Span, expect: SpanExpect, below: Mapping[str, Sequence[Span]], context: CheckContext) -> str:
    """Return why a span is not as expected, empty when it is."""
    if expect.status and (expect.status == "error") != bool(span.error):
        return "failed" if span.error else "did not fail"
    if expect.duration and not compare_seconds(expect.duration, span.duration_ns / 1e9):
        return f"took {duration(span.duration_ns / 1e9)}, expected {expect.duration}"
    if not _has(span, context.fill(expect.attr)):
        return f"lacks {', '.join(f'{key}={value}' for key, value in expect.attr.items())}"
    if expect.child and not any(is_selected(child, expect.child, context) for child in below[span.span_id]):
        return f"has no span of {expect.child.service or 'any service'} {expect.child.name} below it"
    return ""


def _descendants(spans: Sequence[Span]) -> Mapping[str, Sequence[Span]]:
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        for parent in {span.parent_id, *(link_span for _, link_span in span.links)}:
            children[parent].append(span)
    return defaultdict(list, {span.span_id: list(_below(span.span_id, children)) for span in spans})


def _below(span_id: str, children: Mapping[str, Sequence[Span]]) -> Iterator[Span]:
    waiting, seen = list(children.get(span_id, ())), set()
    while waiting:
        span = waiting.pop()
        if span.span_id not in seen:
            seen.add(span.span_id)
            yield span
            waiting.extend(children.get(span.span_id, ()))


def _listed(spans: Sequence[Span], service: str) -> str:
    names = [f"{span.service} {span.name}" for span in spans if not service or span.service == service]
    if not names:
        services = ", ".join(dict.fromkeys(span.service for span in spans)) or "nobody"
        return f"no span of {service or 'anybody'} in the trace, only of {services}"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"there are {', '.join(names[:SHOWN])}{more}"
