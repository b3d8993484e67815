"""`devctl traces`: list, follow, or one trace as a waterfall."""

from __future__ import annotations

import json
import time
from dataclasses import replace

from devctl.actions.finders import open_spans
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Duration, Flag, Number, OptionalArgument, Text, TextList
from devctl.errors import ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.queries.traces import Trace
    from devctl.record.span_query import SpanQuery
    from devctl.record.spans import SpanReader
    from devctl.record.store import Run

POLL_SECONDS = 0.1  # a person does not see a shorter delay
DEFAULT_LIMIT = 20


class TracesOptions(Options):
    """What `devctl traces` takes."""

    trace_id = OptionalArgument("[TRACE_ID]", help="One trace (or the beginning of its id).")
    follow = Flag("--follow", "-f", help="Go on with each trace as it finishes.")
    limit = Number("--limit", "-n", metavar="N", help=f"How many, newest last [{DEFAULT_LIMIT}].")
    service = Text("--service", metavar="NAME", complete="service", help="Traces with a span of this service.")
    operation = Text("--operation", metavar="NAME", help="… with a span of this name.")
    min_duration = Duration("--min-duration", metavar="TIME", help="… with a span at least this long, such as 250ms.")
    errors = Flag("--errors", help="… with a span that failed.")
    attributes = TextList("--attr", metavar="KEY=VALUE", help="… with a span or resource attribute.")
    since = Text("--since", metavar="TIME", help="… with a span started since then: 5m, or an RFC 3339 time.")
    by = Text("--by", choices=("operation",), help="Fold spans by service and name: which operation is slow?")
    against = Duration("--against", metavar="TIME", help="For --by: compare with so long a time before.")
    sort = Text("--sort", choices=("time", "duration"), help="The longest last instead of the newest.")
    with_attributes = Flag("--attributes", "-a", help="Show each span's attributes and events.")
    mermaid = Flag("--mermaid", help="Print one trace as a Mermaid sequence diagram.")
    as_json = shared.JSON
    run_id = shared.RUN


def run(context: Context, options: TracesOptions) -> int:
    """Show traces of the current or last run."""
    recorded = context.stack.run(options.run_id or "")
    if options.trace_id:
        return show_one(
            context, recorded, options.trace_id, with_attributes=options.with_attributes, mermaid=options.mermaid,
            as_json=options.as_json,
        )  # fmt: skip
    reader = open_spans(recorded)
    _refuse_together(options)
    if options.by:
        return _by_operation(context, reader, options)
    if options.sort == "duration":
        return _list(context, reader, _query(options), as_json=options.as_json, by_duration=True)
    show = _follow if options.follow else _list
    return show(context, reader, _query(options), as_json=options.as_json)


def _query(options: TracesOptions) -> SpanQuery:
    from devctl.record.span_query import SpanQuery

    pairs = [pair.partition("=") for pair in options.attributes]
    if bad := [key for key, sign, _ in pairs if not sign]:
        raise UsageError(f"--attr takes KEY=VALUE, not {bad[0]!r}")
    return SpanQuery(
        service=options.service or "",
        operation=options.operation or "",
        since_ns=shared.moment(options.since, "--since", time.time_ns()) or 0,
        min_duration_ns=int((options.min_duration or 0) * 1e9),
        errors=options.errors,
        attributes=tuple((key, value) for key, _, value in pairs),
        limit=options.limit or DEFAULT_LIMIT,
    )


def _refuse_together(options: TracesOptions) -> None:
    if options.against and not options.by:
        raise UsageError("--against needs --by operation")
    for flag in [flag for flag, is_set in (("--by", options.by), ("--sort", options.sort == "duration")) if is_set]:
        if options.follow:
            raise UsageError(f"{flag} and --follow do not go together")


def _by_operation(context: Context, reader: SpanReader, options: TracesOptions) -> int:
    """Show the spans by service and name, beside those of a time before where that is asked for."""
    from devctl.queries import operations

    query, until_ns = _query(options), time.time_ns()
    against_ns = int((options.against or 0) * 1e9)
    since_ns = query.since_ns or (until_ns - against_ns if against_ns else 0)

    def within(since: int, until: int) -> dict[tuple[str, str], operations.Operation]:
        spans = list(reader.newest_within(since, until, operations.MOST_SPANS))
        return operations.operations(spans, replace(query, since_ns=since, until_ns=until))

    now, before = within(since_ns, until_ns), within(since_ns - against_ns, since_ns - 1) if against_ns else None
    shown = operations.ranked(now.values(), by_duration=options.sort == "duration")[: options.limit]
    if options.as_json:
        for each in shown:
            earlier = (before or {}).get((each.service, each.name))
            context.terminal.write(json.dumps(operations.as_json(each, earlier, is_compared=before is not None)))
        return ExitCode.OK
    if not shown:
        context.terminal.say("No span matches." if reader.last() else "No span has arrived yet.")
        return ExitCode.OK
    from devctl.render import operations as rendered

    context.terminal.write("\n".join(rendered.lines(shown, before, context.terminal)))
    return ExitCode.OK


def _list(context: Context, reader: SpanReader, query: SpanQuery, *, as_json: bool, by_duration: bool = False) -> int:
    from devctl.queries import traces

    matching = traces.longest(reader, query) if by_duration else traces.find(reader, query)
    if as_json:
        for trace in reversed(matching):
            context.terminal.write(json.dumps(traces.summary(trace)))
        return ExitCode.OK
    if not matching:
        context.terminal.say("No trace matches." if reader.last() else "No span has arrived yet.")
        return ExitCode.OK
    from devctl.render import traces as rendered

    for line in rendered.listing(list(reversed(matching)), context.terminal):
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
    trace_id: str,
    *,
    with_attributes: bool = False,
    mermaid: bool = False,
    as_json: bool = False,
) -> int:
    """Show one trace with what is linked to it."""
    from devctl.queries import traces, waterfall

    reader = open_spans(recorded)
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
    outside = waterfall.place_lines(rows, lines)
    for line in rendered.waterfall(rows, outside, context.terminal, with_attributes=with_attributes):
        context.terminal.write(line)
    return ExitCode.OK


def _find(reader: SpanReader, trace_id: str) -> Trace:
    from devctl.queries import traces

    ids = reader.complete_id(trace_id)
    trace = traces.load(reader, ids[0]) if len(ids) == 1 else None
    if trace is None:
        what = f"{len(ids)} traces begin with {trace_id!r}" if ids else f"no trace {trace_id!r}"
        raise UsageError(what, next="`devctl traces` lists the newest ones; `--run` looks into an earlier run.")
    return trace


COMMAND = Command(
    run,
    TracesOptions,
    about="Conditions hold together, for one and the same span. A trace that consumers add to later is shown again.",
    examples={
        "devctl traces -f": "watch requests as they finish",
        "devctl traces --errors --since 10m": "what failed lately",
        "devctl traces --by operation --against 1h": "which operation is slow, and what changed in the last hour",
        "devctl traces --sort duration -n 5": "the five longest",
        "devctl traces 5b8efff7": "one trace as a waterfall, with its log lines",
    },
    shape="One trace a line: `trace_id`, `root`, `service`, `start`, `duration_ms`, `spans`, `services`, `errors`. "
    "With `--by operation`: one operation a line, `service`, `operation`, `count`, `errors`, `p50_ms`, `p95_ms`, "
    "`p99_ms`, `self_ms` (time that no child covers), with `--against` also `before`, the same figures or null. "
    "With a TRACE_ID: one OTLP JSON document (`resourceSpans`), with the traces that are linked to it.",
)
