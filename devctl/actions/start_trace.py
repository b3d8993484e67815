"""The start's own trace, which the supervisor leaves in the record: a span for each download, start and probe."""

from __future__ import annotations

import time

from devctl.cli.commands import traces
from devctl.cli.context import Context
from devctl.errors import DevctlError

PATIENCE_SECONDS = 3.0
POLL_SECONDS = 0.05


def show(context: Context, began_ns: int) -> None:
    """Draw the start that began at `began_ns` as a waterfall; say so when it does not arrive."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (trace_id := _find(context, began_ns)):
        if time.monotonic() > deadline:
            context.terminal.say("The start left no trace: without the hub (`telemetry: off`) there is none.")
            return
        time.sleep(POLL_SECONDS)
    recorded = context.run()
    traces.show_one(context, recorded, traces.reader_of(recorded), trace_id)


def _find(context: Context, began_ns: int) -> str:
    from devctl.record.span_query import SpanQuery

    try:
        reader = traces.reader_of(context.run())
    except DevctlError:
        return ""
    return next(iter(reader.find(SpanQuery(service="devctl", operation="up", since_ns=began_ns, limit=1))), "")
