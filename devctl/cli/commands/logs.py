"""`devctl logs`: the lines of this run or a past one, merged by arrival; no supervisor is needed."""

from __future__ import annotations

import json
import re
import time

from devctl.actions import follow
from devctl.actions.names import check_services
from devctl.actions.runs import specified_instances, specified_services
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag, Text
from devctl.cli.log_output import LogOutput
from devctl.core.selection import no_instance, split
from devctl.errors import ExitCode, UsageError
from devctl.record import logs
from devctl.render import logs as rendered
from devctl.render.terminal import Terminal
from devctl.session.locate import is_running
from devctl.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.interleaved import InterleavedTraces
    from devctl.queries.logs import Belongs, Group
    from devctl.record.store import Run

LEVELS = ("trace", "debug", "info", "warning", "error", "fatal")


class LogsOptions(Options):
    """What `devctl logs` takes."""

    services = shared.INSTANCES
    follow = Flag("--follow", "-f", help="Go on with new lines until Ctrl-C or the stack is gone.")
    tail = Text("--tail", "-n", metavar="N", help="Only the last N lines of all; all unless given.")
    since = Text("--since", metavar="TIME", help="Lines since then: 5m (ago) or 2026-01-31T12:00:00Z.")
    until = Text("--until", metavar="TIME", help="Lines before then.")
    level = Text("--level", "-l", choices=LEVELS, help="Lines of this level and above.")
    grep = Text("--grep", "-g", metavar="REGEX", help="Lines in which this regular expression is found.")
    ignore_case = Flag("--ignore-case", "-i", help="For --grep.")
    trace = Text("--trace", metavar="ID", help="Lines of one trace.")
    of = Text("--of", metavar="ID", help="Lines about one entity (an order's id), also of the traces that name it.")
    group = Flag("--group", help="Fold lines that differ only in numbers, ids and quoted text, with counts.")
    with_traces = Flag("--with-traces", help="Also each trace, where it ended; the filters hold for traces, too.")
    run_id = shared.RUN
    timestamps = Flag("--timestamps", "-t", help="Show when each line arrived.")
    raw = Flag("--raw", help="Do not render JSON lines for people.")
    no_log_prefix = Flag("--no-log-prefix", help="Do not name the service before each line.")
    no_color = Flag("--no-color", help="No colours.")
    as_json = shared.JSON


def run(context: Context, options: LogsOptions) -> int:
    """Show what the filters let through; with `follow` go on until the stack is gone."""
    terminal = context.terminal
    terminal.no_color = terminal.no_color or options.no_color
    _refuse_together(options)
    query = _query(options)
    recorded = context.stack.run(options.run_id or "")
    _check_services(recorded, options.services)
    if options.group:
        return _show_groups(terminal, recorded, query, as_json=options.as_json)
    paths = context.stack.paths
    stays = options.follow and not options.run_id and is_running(paths)
    belongs = _belongs(recorded, options.of) if options.of else None
    follow.stream_logs(
        recorded,
        query,
        LogOutput(terminal, _renderer(terminal, recorded, options, belongs), as_json=options.as_json),
        stop=follow.gone_check(paths) if stays else None,
        traces=_traces(recorded, query, belongs) if options.with_traces else None,
    )
    return ExitCode.OK


def _refuse_together(options: LogsOptions) -> None:
    tail, of = {"--tail": options.tail}, {"--of": options.of}
    group, following = {"--group": options.group}, {"--follow": options.follow}
    for pair in (tail | of, group | following, group | of):
        if all(pair.values()):
            raise UsageError(f"{' and '.join(pair)} do not go together")


def _query(options: LogsOptions) -> logs.Query:
    now = time.time_ns()
    return logs.Query(
        services=tuple(options.services),
        since_ns=shared.moment(options.since, "--since", now),
        until_ns=shared.moment(options.until, "--until", now),
        tail=_tail(options.tail),
        level=options.level,
        grep=_pattern(options.grep or ""),
        ignore_case=options.ignore_case,
        trace_id=options.trace or "",
    )


def _belongs(recorded: Run, entity: str) -> Belongs:
    """Return what keeps the lines about one entity, with the traces that name it."""
    from devctl.queries.logs import Belongs, thing_fields

    belongs = Belongs(entity, thing_fields(recorded))
    belongs.learn(recorded)
    return belongs


def _renderer(terminal: Terminal, recorded: Run, options: LogsOptions, belongs: Belongs | None) -> rendered.Render:
    """Return what renders batches as the options say, only the lines that belong."""
    style = rendered.LogStyle(
        colour=terminal.colour(),
        prefix=not options.no_log_prefix,
        pretty=terminal.is_terminal and not options.raw,
        times=options.timestamps,
        width=_width(recorded, options.services),
    )
    as_json = rendered.as_json if options.grep or belongs else rendered.entries_as_json()
    render = as_json if options.as_json else rendered.for_people(style)
    if belongs is None:
        return render
    return lambda batch: render(kept) if (kept := belongs.keep(batch)) else b""


def _traces(recorded: Run, query: logs.Query, belongs: Belongs | None) -> InterleavedTraces:
    from devctl.actions.interleaved import InterleavedTraces

    return InterleavedTraces(recorded, query, belongs.has_trace) if belongs else InterleavedTraces(recorded, query)


def _show_groups(terminal: Terminal, recorded: Run, query: logs.Query, *, as_json: bool) -> int:
    """Show the lines folded by what they have in common."""
    from devctl.queries.logs import groups

    folded = groups(logs.read_batches(recorded, query), by_entries=not query.grep)
    if as_json:
        for group in folded:
            terminal.write(json.dumps(_group_json(group)))
        return ExitCode.OK
    from devctl.render import table

    rows: list[list[table.Cell]] = [_group_row(group) for group in folded]
    if rows:
        heads = ("count", "last", "service", "level", "lines like")
        terminal.write("\n".join(table.lines(heads, rows, terminal, right="count")))
    return ExitCode.OK


def _group_json(group: Group) -> dict[str, object]:
    from devctl.clock import rfc3339

    row = {"count": group.count, "service": group.service, "level": group.level, "template": group.template}
    return row | {"first": rfc3339(group.first_ns), "last": rfc3339(group.last_ns), "example": group.example}


def _group_row(group: Group) -> list[str | tuple[str, str]]:
    level = rendered.level_cell(group.level)
    return [str(group.count), rendered.clock(group.last_ns), clean(group.service), level, clean(group.template)]


def _check_services(recorded: Run, services: list[str]) -> None:
    if services:
        labels = logs.labels(recorded)
        names = {label.service for label in labels} | specified_services(recorded)
        instances = {label.instance for label in labels} | specified_instances(recorded)
        for name in services:
            service, is_instance = split(name)
            check_services([service], names)
            if is_instance and name not in instances:
                raise no_instance(name, sorted(i for i in instances if split(i)[0] == service))


def _tail(text: str | None) -> int | None:
    if text is None or text == "all":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"--tail takes a whole number or `all`, not {text!r}")
    return int(text)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise UsageError(f"--grep is no regular expression: {error}", where=text) from None
    return text


def _width(recorded: Run, services: list[str]) -> int:
    """Return the width of the widest name that will be shown, so that the lines stand in one column."""
    shown = [
        label for label in logs.labels(recorded) if not services or {label.service, label.instance} & set(services)
    ]
    return max((len(rendered.name(label)) for label in shown), default=0)


COMMAND = Command(
    run,
    LogsOptions,
    about="Shows the current run, or the last one when nothing runs. On a terminal, lines that are JSON are rendered "
    "for people; in a pipe they stay as they are.",
    examples={
        "devctl logs -f order payment": "follow two services",
        "devctl logs --level warning --since 10m": "what went wrong lately",
        "devctl logs --grep timeout --json": "for jq",
        "devctl logs --of 0192f3c4": "everything that concerns one order",
        "devctl logs --group --since 1h": "which lines there are, and how often",
        "devctl logs --trace 4bf92f3577b34da6a3ce929d0e0e4736": "one request across all services",
    },
    shape="JSON lines `{time, service, instance, level, message, trace_id, fields}`: `time` is the arrival (RFC 3339, "
    "UTC, microseconds), `level` one of trace, debug, info, warning, error, fatal or null, `message` the original "
    "text, `fields` what else a JSON line says. With `--group`: `{count, service, level, template, first, last, "
    "example}`. With `--with-traces` also lines as `traces --json` has them.",
)
