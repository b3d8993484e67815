"""`devctl logs`: the lines of this run or a past one, merged by arrival; no supervisor is needed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.ctrl_c import INTERRUPTS
from devctl.cli.line.declare import Command, Option
from devctl.errors import ExitCode, UsageError
from devctl.record import logs
from devctl.render import logs as looks
from devctl.render.terminal import Terminal
from devctl.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.interleaved import Traces
    from devctl.record.store import Run

ENOUGH_BYTES = 1 << 18
WHOLE_BAR_NS = 1_000_000_000  # what a full bar beside a trace means
LEVELS = ("trace", "debug", "info", "warning", "error", "fatal")


class Output:
    """Gathers what is rendered and writes it in large pieces."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._waiting: list[bytes] = []
        self._size = 0

    def write(self, content: bytes) -> None:
        """Take in one rendered batch."""
        self._waiting.append(content)
        self._size += len(content)
        if self._size >= ENOUGH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if self._waiting:
            self._terminal.write_bytes(b"".join(self._waiting))
            self._waiting.clear()
            self._size = 0


def run(
    context: Context, *, services: list[str], follow: bool, tail: str | None, since: str | None, until: str | None,
    level: str | None, grep: str | None, ignore_case: bool, trace: str | None, of: str | None, group: bool,
    with_traces: bool, run_id: str | None, timestamps: bool, raw: bool, no_log_prefix: bool, no_color: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Show what the filters let through; with `follow` go on until the stack is gone."""
    terminal = context.terminal
    terminal.no_color = terminal.no_color or no_color
    _refuse_together(
        {"--tail": tail, "--of": of}, {"--group": group, "--follow": follow}, {"--group": group, "--of": of}
    )
    now = time.time_ns()
    query = logs.Query(
        services=tuple(services),
        since_ns=shared.moment(since, "--since", now),
        until_ns=shared.moment(until, "--until", now),
        tail=_tail(tail),
        level=level,
        grep=_pattern(grep or ""),
        ignore_case=ignore_case,
        trace_id=trace or "",
    )
    found = context.run(run_id or "")
    _check_services(found, services)
    if group:
        return _groups(terminal, found, query, as_json=as_json)
    look = looks.Look(
        colour=terminal.colour(),
        prefix=not no_log_prefix,
        pretty=terminal.is_terminal and not raw,
        times=timestamps,
        width=_width(found, services),
    )
    render = looks.as_json if as_json else looks.for_people(look)
    woven = _woven(terminal, found, query, as_json=as_json) if with_traces else None
    stays = follow and not run_id and context.paths.socket.exists()
    stop = _until_gone(context) if stays else None
    show(Output(terminal), _about(of, found, render), found, query, stop=stop, woven=woven)
    return ExitCode.OK


def _refuse_together(*pairs: dict[str, object]) -> None:
    for pair in pairs:
        if all(pair.values()):
            raise UsageError(f"{' and '.join(pair)} do not go together")


def _about(identity: str | None, found: Run, render: looks.Render) -> looks.Render:
    """Return what renders only the lines about one thing, or `render` itself for none."""
    if not identity:
        return render
    from devctl.queries.logs import Belongs, thing_fields

    belongs = Belongs(identity, thing_fields(found))
    belongs.learn(found)
    return lambda batch: render(kept) if (kept := belongs.keep(batch)) else b""


def _woven(terminal: Terminal, found: Run, query: logs.Query, *, as_json: bool) -> Traces:
    import json

    from devctl.actions.interleaved import Traces
    from devctl.queries import traces
    from devctl.render.traces import listing

    def draw(trace: traces.Trace) -> bytes:
        if as_json:
            return json.dumps(traces.summary(trace)).encode() + b"\n"
        return listing([trace], terminal, longest_ns=WHOLE_BAR_NS, has_head=False)[0].encode(errors="replace") + b"\n"

    return Traces(found, draw, query.services, since_ns=query.since_ns)


def _groups(terminal: Terminal, found: Run, query: logs.Query, *, as_json: bool) -> int:
    """Show the lines folded by what they have in common."""
    import json

    from devctl.queries.logs import groups
    from devctl.record.jsonlines import rfc3339

    folded = groups(logs.read_batches(found, query))
    if as_json:
        for one in folded:
            row = {"count": one.count, "service": one.service, "level": one.level, "template": one.template}
            times = {"first": rfc3339(one.first_ns), "last": rfc3339(one.last_ns), "example": one.example}
            terminal.write(json.dumps(row | times))
        return ExitCode.OK
    from devctl.render import table

    rows: list[list[table.Cell]] = [
        [str(one.count), looks.clock(one.last_ns), clean(one.service), looks.level_cell(one.level), clean(one.template)]
        for one in folded
    ]
    if rows:
        heads = ("count", "last", "service", "level", "lines like")
        terminal.write("\n".join(table.lines(heads, rows, terminal, right="count")))
    return ExitCode.OK


def show(
    output: Output,
    render: looks.Render,
    found: Run,
    query: logs.Query,
    stop: Callable[[], bool] | None = None,
    woven: Traces | None = None,
) -> None:
    """Write what is there, with the traces of `woven` in between; with `stop` go on until it says so."""
    if stop is None:
        batches = logs.read_batches(found, query)
    else:

        def flushed() -> bool:  # is asked whenever nothing more is there at the moment
            if woven:
                output.write(woven.fresh())
            output.flush()
            INTERRUPTS.look()
            return stop()

        batches = logs.follow_batches(found, query, flushed)
    for batch in batches:
        if rest := _weave(output, render, batch, woven) if woven else batch:
            output.write(render(rest))
    if woven:
        output.write(woven.fresh())
    output.flush()


def _weave(output: Output, render: looks.Render, batch: logs.Batch, woven: Traces) -> logs.Batch | None:
    """Write the stored traces that ended within `batch`, with the lines before them; return the lines after."""
    left: logs.Batch | None = batch
    while left and woven.next_ns <= left.times[-1]:
        end_ns = woven.next_ns
        if before := left.within(None, end_ns):
            output.write(render(before))
        output.write(woven.until(end_ns))
        left = left.within(end_ns, None)
    return left


def _until_gone(context: Context) -> Callable[[], bool]:
    """Return what tells that the stack is gone, one look late, so that its last words are read before."""
    was_gone = False

    def gone() -> bool:
        nonlocal was_gone
        earlier, was_gone = was_gone, not context.paths.socket.exists()
        return earlier and was_gone

    return gone


def _check_services(found: Run, services: list[str]) -> None:
    if services:
        known = logs.labels(found)
        names = {label.service for label in known} | {label.instance for label in known}
        shared.known(services, names | _specified(found))


def _specified(found: Run) -> set[str]:
    """Return the services of the run's specification, also those that never wrote a line."""
    import json

    try:
        return set(json.loads(found.spec_file.read_bytes())["services"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()


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


def _width(found: Run, services: list[str]) -> int:
    """Return the width of the widest name that will be shown, so that the lines stand in one column."""
    shown = [label for label in logs.labels(found) if not services or {label.service, label.instance} & set(services)]
    return max((len(looks.name(label)) for label in shown), default=0)


COMMAND = Command(
    run,
    shared.SERVICES,
    Option("--follow", "-f", flag=True, help="Go on with new lines until Ctrl-C or the stack is gone."),
    Option("--tail", "-n", metavar="N", help="Only the last N lines of all; all unless given."),
    Option("--since", metavar="TIME", help="Lines since then: 5m (ago) or 2026-01-31T12:00:00Z."),
    Option("--until", metavar="TIME", help="Lines before then."),
    Option("--level", "-l", choices=LEVELS, help="Lines of this level and above."),
    Option("--grep", "-g", metavar="REGEX", help="Lines in which this regular expression is found."),
    Option("--ignore-case", "-i", flag=True, help="For --grep."),
    Option("--trace", metavar="ID", help="Lines of one trace."),
    Option("--of", metavar="ID", help="Lines about one thing (an order's id), also of the traces that name it."),
    Option("--group", flag=True, help="Fold lines that differ only in numbers, ids and quoted text, with counts."),
    Option("--with-traces", flag=True, help="Also each trace, where it ended."),
    shared.RUN,
    Option("--timestamps", "-t", flag=True, help="Show when each line arrived."),
    Option("--raw", flag=True, help="Do not render JSON lines for people."),
    Option("--no-log-prefix", flag=True, help="Do not name the service before each line."),
    Option("--no-color", flag=True, help="No colours."),
    shared.JSON,
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
