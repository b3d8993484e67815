"""`event`: an event that must be on a topic since the check began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devctl.smoke.check import CheckContext, CheckFailed
from devctl.smoke.values import compare, matches, select

if TYPE_CHECKING:
    from devctl.manifest.smoke import EventStep
    from devctl.queries.events import Event

SHOWN = 3


def run(step: EventStep, context: CheckContext, within: float | None) -> None:
    """Wait until as many events as `count` says are as the step says."""
    topic, kind, key = context.fill(step.topic), context.fill(step.type), context.fill(step.key)
    where = {path: context.fill(value) for path, value in step.where.items()}

    def attempt() -> None:
        events = context.stack.events([topic], context.origin.began_ns, key=key)
        count = sum(is_match(event, kind, where) for event in events)
        if not compare(step.count, count):
            seen = ", ".join(f"{event.type or 'an event'} {event.key}" for event in events[-SHOWN:]) or "none at all"
            raise CheckFailed(f"{count} such events on {topic}, expected {step.count}; the last there: {seen}")

    context.until(within, attempt)


def is_match(event: Event, kind: str, where: dict[str, Any]) -> bool:
    """Tell whether an event is of a type and has each value of `where`, in its data or in its envelope."""
    if kind and event.type != kind:
        return False
    document = document_of(event)
    return all(any(matches(value, seen) for seen in select(document, path)) for path, value in where.items())


def document_of(event: Event) -> dict[str, Any]:
    """Return an event as structured CloudEvents have it, whichever way it was sent: its payload under `data`."""
    value = event.value
    fields = value if isinstance(value, dict) else {}
    data = fields["data"] if "specversion" in fields and "data" in fields else value
    return {**fields, "data": data, "type": event.type, "key": event.key, "headers": dict(event.headers)}
