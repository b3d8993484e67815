"""`devctl traces`: list, follow, or one trace as a waterfall."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Argument, Command, Option
from devctl.errors import DevctlError, EnvironmentProblem, ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.queries.traces import Trace
    from devctl.record.span_query import SpanQuery
    from devctl.record.spans import SpanReader
    from devctl.record.store import Run

POLL_SECONDS = 0.1


def run(
    context: Context,
    *,
    trace_id: str | None,
    follow: bool,
    limit: int | None,
    service: str | None,
    operation: str | None,
    min_duration: str | None,
    errors: bool,
    attributes: list[str],
    since: str | None,
    with_attributes: bool,
    mermaid: bool,
    as_json: bool,
    run_id: str | None,
) -> int:
    """Show traces of the current or last run."""
    recorded = context.run(run_id or "")
    reader = reader_of(recorded)
    if trace_id:
        return show_one(
            context, recorded, reader, trace_id, with_attributes=with_attributes, mermaid=mermaid, as_json=as_json
        )
    query = _query(service, operation, min_duration, since, errors=errors, attributes=attributes, limit=limit or 20)
    if follow:
        return _follow(context, reader, query, as_json=as_json)
    return _list(context, reader, query, as_json=as_json)


def reader_of(recorded: Run) -> SpanReader:
    """Open the spans of a run; DevctlError where it has none or they cannot be read."""
    import sqlite3

    from devctl.record.spans import RecordVersionError, SpanReader

    if not recorded.spans_file.exists():
        raise UsageError(
            "this run has no spans",
            where=str(recorded.folder),
            next="Spans come in through the hub: is `telemetry: off` in stack.yaml?",
        )
    try:
        reader = SpanReader(recorded.spans_file)
        if reader.is_ready:
            return reader
    except RecordVersionError as error:
        raise UsageError(str(error), next="Use the newer devctl, or `devctl prune` old runs.") from error
    except sqlite3.Error as error:
        raise EnvironmentProblem(f"the spans cannot be read: {error}", where=str(recorded.spans_file)) from error
    raise DevctlError("the hub has only just begun", where=str(recorded.folder), next="Try again in a moment.")


def _query(
    service: str | None,
    operation: str | None,
    min_duration: str | None,
    since: str | None,
    *,
    errors: bool,
    attributes: Sequence[str],
    limit: int,
) -> SpanQuery:
    from devctl.record.span_query import SpanQuery

    pairs = [pair.partition("=") for pair in attributes]
    if bad := [key for key, sign, _ in pairs if not sign]:
        raise UsageError(f"--attr takes KEY=VALUE, not {bad[0]!r}")
    return SpanQuery(
        service=service or "",
        operation=operation or "",
        since_ns=shared.moment(since, "--since", time.time_ns()) or 0,
        min_duration_ns=int((shared.duration(min_duration, "--min-duration") or 0) * 1e9),
        errors=errors,
        attributes=tuple((key, value) for key, _, value in pairs),
        limit=limit,
    )


def _list(context: Context, reader: SpanReader, query: SpanQuery, *, as_json: bool) -> int:
    from devctl.queries import traces

    found = traces.find(reader, query)
    if as_json:
        for trace in reversed(found):
            context.terminal.write(json.dumps(traces.summary(trace)))
        return ExitCode.OK
    if not found:
        context.terminal.say("No trace matches." if reader.last() else "No span has arrived yet.")
        return ExitCode.OK
    from devctl.render import traces as rendered

    for line in rendered.listing(list(reversed(found)), context.terminal):
        context.terminal.write(line)
    return ExitCode.OK


def _follow(context: Context, reader: SpanReader, query: SpanQuery, *, as_json: bool) -> int:
    """Show the newest traces, then each further one as it finishes, until Ctrl-C."""
    from devctl.queries import traces
    from devctl.render import traces as rendered

    tail = traces.Tail(reader, query)
    _list(context, reader, query, as_json=as_json)
    longest = 1
    while True:
        for trace in tail.poll(time.time_ns()):
            longest = max(longest, trace.duration_ns)
            if as_json:
                context.terminal.write(json.dumps(traces.summary(trace)))
            else:
                lines = rendered.listing([trace], context.terminal, longest_ns=longest, has_head=False)
                context.terminal.write(lines[0])
        context.terminal.flush()
        time.sleep(POLL_SECONDS)


def show_one(
    context: Context,
    recorded: Run,
    reader: SpanReader,
    trace_id: str,
    *,
    with_attributes: bool = False,
    mermaid: bool = False,
    as_json: bool = False,
) -> int:
    """Show one trace with what is linked to it."""
    from devctl.queries import traces, waterfall

    together = traces.joined(reader, _find(reader, trace_id))
    spans = [span for trace in together for span in trace.spans]
    if as_json:
        context.terminal.write(json.dumps(traces.otlp_json(spans)))
        return ExitCode.OK
    if mermaid:
        context.terminal.write(traces.mermaid(together))
        return ExitCode.OK
    from devctl.queries.logs import of_traces
    from devctl.render import traces as rendered

    rows = waterfall.rows(spans)
    lines = of_traces(recorded, {trace.trace_id for trace in together})
    left = waterfall.place_lines(rows, lines)
    for line in rendered.waterfall(rows, left, context.terminal, with_attributes=with_attributes):
        context.terminal.write(line)
    return ExitCode.OK


def _find(reader: SpanReader, trace_id: str) -> Trace:
    from devctl.queries import traces

    found = reader.complete_id(trace_id)
    trace = traces.load(reader, found[0]) if len(found) == 1 else None
    if trace is None:
        what = f"{len(found)} traces begin with {trace_id!r}" if found else f"no trace {trace_id!r}"
        raise UsageError(what, next="`devctl traces` lists the newest ones; `--run` looks into an earlier run.")
    return trace


COMMAND = Command(
    run,
    Argument("trace_id", required=False, metavar="[TRACE_ID]", help="One trace (or the beginning of its id)."),
    Option("--follow", "-f", flag=True, help="Go on with each trace as it finishes."),
    Option("--limit", "-n", whole=True, metavar="N", help="How many, newest last [20]."),
    Option("--service", metavar="NAME", complete="service", help="Traces with a span of this service."),
    Option("--operation", metavar="NAME", help="… with a span of this name."),
    Option("--min-duration", metavar="TIME", help="… with a span at least this long, such as 250ms."),
    Option("--errors", flag=True, help="… with a span that failed."),
    Option("--attr", many=True, metavar="KEY=VALUE", name="attributes", help="… with a span or resource attribute."),
    Option("--since", metavar="TIME", help="… with a span started since then: 5m, or an RFC 3339 time."),
    Option("--attributes", "-a", flag=True, name="with_attributes", help="Show each span's attributes and events."),
    Option("--mermaid", flag=True, help="Print one trace as a Mermaid sequence diagram."),
    shared.JSON,
    shared.RUN,
    about="Conditions hold together, for one and the same span. A trace that consumers add to later is told again.",
    examples={
        "devctl traces -f": "watch requests as they finish",
        "devctl traces --errors --since 10m": "what failed lately",
        "devctl traces 5b8efff7": "one trace as a waterfall, with its log lines",
    },
    shape="One trace a line: `trace_id`, `root`, `service`, `start`, `duration_ms`, `spans`, `services`, `errors`. "
    "With a TRACE_ID: one OTLP JSON document (`resourceSpans`), with the traces that are linked to it.",
)
