"""`devctl diff`: two runs compared, of this stack or from bundles; as a gate it ends with 1."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Argument, Flag, Number, TextList
from devctl.cli.shared import JSON
from devctl.errors import DevctlError, ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.queries.compare import Difference, Figures
    from devctl.record.store import Run

KINDS = ("edge", "error", "calls", "latency", "log", "start")


class DiffOptions(Options):
    """What `devctl diff` takes."""

    before = Argument("RUN_A", complete="run", help="The run before: an id, its beginning, or a bundle.")
    after = Argument("RUN_B", complete="run", help="The run after.")
    kinds = TextList("--only", metavar="KIND", choices=KINDS, help="Only differences of this kind; repeat.")
    gate = Flag("--gate", help="End with 1 when anything differs.")
    latency = Number("--latency", metavar="PERCENT", help="A latency differs from so much more on [50].")
    calls = Number("--calls", metavar="PERCENT", help="The calls for each request differ from so many more on [20].")
    as_json = JSON


def run(context: Context, options: DiffOptions) -> int:
    """Show what is not as it was."""
    from devctl.queries import compare

    thresholds = compare.Thresholds(
        latency=1 + (50 if options.latency is None else options.latency) / 100,
        calls=1 + (20 if options.calls is None else options.calls) / 100,
    )
    with _recorded(context, options.before) as before, _recorded(context, options.after) as after:
        entries = list(compare.differences(_figures(before), _figures(after), thresholds))
    entries = [entry for entry in entries if not options.kinds or entry.kind in options.kinds]
    _show(context, entries, as_json=options.as_json)
    return ExitCode.UNHEALTHY if options.gate and entries else ExitCode.OK


def _show(context: Context, entries: list[Difference], *, as_json: bool) -> None:
    from devctl.queries import compare
    from devctl.text import clean

    if as_json:
        if entries:
            context.terminal.write(compare.listing(entries))
        return
    if not entries:
        context.terminal.say("Nothing differs.")
    for entry in entries:
        factor = f"  ({entry.ratio:g} ×)" if entry.ratio else ""
        context.terminal.write(f"{entry.kind:<8} {clean(entry.subject)}: {entry.before} → {entry.after}{factor}")


@contextlib.contextmanager
def _recorded(context: Context, name: str) -> Iterator[Run]:
    """Yield a run of this stack, or of a bundle, which is unpacked for as long as it is read."""
    if not Path(name).is_file():
        yield context.stack.run(name)
        return
    from devctl.record import bundle
    from devctl.record.store import Run

    with tempfile.TemporaryDirectory(prefix="devctl-diff") as folder, bundle.open_bundle(Path(name)) as archive:
        yield Run(bundle.unpack(archive, Path(folder)))


def _figures(recorded: Run) -> Figures:
    from devctl.actions.finders import open_spans
    from devctl.queries import compare

    try:
        reader = open_spans(recorded)
    except DevctlError:
        return compare.figures(recorded, None)
    with contextlib.closing(reader):
        return compare.figures(recorded, reader)


COMMAND = Command(
    run,
    DiffOptions,
    about="Compares who calls whom, what failed, how often each request needs others, latencies, kinds of log lines "
    "from `warning` up, and how the stack came up. Figures of fewer than five requests are not compared.",
    examples={
        "devctl diff 20260131 20260201": "two runs of this stack",
        "devctl diff green.zip smoke.zip --gate --only calls": "in CI, against the bundle of a green run",
    },
    shape="One difference a line: `kind` (`edge`, `error`, `calls`, `latency`, `log`, `start`), `subject`, `before`, "
    "`after`, `ratio` (0 where there is none).",
)
