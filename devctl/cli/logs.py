"""`devctl logs`: the lines of this run or a past one, merged by arrival; no supervisor is needed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.declare import Command, Option
from devctl.errors import ExitCode, UsageError
from devctl.record import logs
from devctl.render import logs as looks
from devctl.render.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.record.store import Run

ENOUGH_BYTES = 1 << 18
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
    level: str | None, grep: str | None, ignore_case: bool, trace: str | None, run_id: str | None, timestamps: bool,
    raw: bool, no_log_prefix: bool, no_color: bool, as_json: bool,
) -> int:  # fmt: skip
    """Show what the filters let through; with `follow` go on until the stack is gone."""
    terminal = context.terminal
    terminal.no_color = terminal.no_color or no_color
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
    pretty = terminal.is_terminal and not raw
    look = looks.Look(
        colour=terminal.colour(),
        prefix=not no_log_prefix,
        pretty=pretty,
        times=timestamps,
        width=_width(found, services),
    )
    render = looks.as_json if as_json else looks.for_people(look)
    stays = follow and not run_id and context.paths.socket.exists()
    show(Output(terminal), render, found, query, stop=_until_gone(context) if stays else None)
    return ExitCode.OK


def show(
    output: Output, render: looks.Render, found: Run, query: logs.Query, stop: Callable[[], bool] | None = None
) -> None:
    """Write what is there; with `stop` go on until it says so."""
    if stop is None:
        batches = logs.read_batches(found, query)
    else:

        def flushed() -> bool:  # is asked whenever nothing more is there at the moment
            output.flush()
            return stop()

        batches = logs.follow_batches(found, query, flushed)
    for batch in batches:
        output.write(render(batch))
    output.flush()


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
        "devctl logs --trace 4bf92f3577b34da6a3ce929d0e0e4736": "one request across all services",
    },
    shape="JSON lines `{time, service, instance, level, message, trace_id, fields}`: `time` is the arrival (RFC 3339, "
    "UTC, microseconds), `level` one of trace, debug, info, warning, error, fatal or null, `message` the original "
    "text, `fields` what else a JSON line says.",
)
