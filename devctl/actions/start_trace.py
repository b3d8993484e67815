"""The start's own trace, which the supervisor leaves in the record: a span for each download, start and probe."""

from __future__ import annotations

import time

from devctl.actions.access import StackAccess
from devctl.actions.finders import open_spans
from devctl.errors import DevctlError

PATIENCE_SECONDS = 3.0  # the hub may have come up last, and writes a batch a second
POLL_SECONDS = 0.05


def find_start_trace(stack: StackAccess, began_ns: int) -> str:
    """Return the id of the trace of the start that began at `began_ns`, empty when it does not arrive."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (trace_id := _stored_trace(stack, began_ns)):
        if time.monotonic() > deadline:
            return ""
        time.sleep(POLL_SECONDS)
    return trace_id


def _stored_trace(stack: StackAccess, began_ns: int) -> str:
    from devctl.record.span_query import SpanQuery

    try:
        reader = open_spans(stack.run())
    except DevctlError:
        return ""
    return next(iter(reader.find(SpanQuery(service="devctl", operation="up", since_ns=began_ns, limit=1))), "")
