"""`devctl smoke`: bring the stack up, prove it, report, take it down."""

from __future__ import annotations

import time

from devctl.cli import display
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Arguments, Duration, Flag, Text, TextList
from devctl.cli.shared import JSON, PROFILE, RUN_AS
from devctl.errors import DevctlError, EnvironmentProblem, ExitCode
from devctl.text import typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devctl.smoke.outcome import Outcome, Report
    from devctl.smoke.report.write import Targets
    from devctl.smoke.run import SmokeOptions, SmokeRun


class SmokeCommandOptions(Options):
    """What `devctl smoke` takes."""

    suites = Arguments("[SUITE]...", help="Suites to run: of declared checks, `tests`, `contract`; all unless named.")
    junit = Text("--junit", metavar="FILE", complete="file", help="Write a report in JUnit's XML.")
    bundle = Text("--bundle", metavar="FILE", complete="file", help="Pack the run into one file that explains it.")
    markdown = Text("--markdown", metavar="FILE", complete="file", help="Write a summary in Markdown.")
    reuse = Flag("--reuse", help="Use the stack that runs, if it is healthy and as stack.yaml says; leave it running.")
    isolated = Flag("--isolated", help="Prove a copy with ports and data of its own, deleted afterwards.")
    keep = Flag("--keep", help="Leave the stack running.")
    keep_on_failure = Flag("--keep-on-failure", help="Leave it running when something failed.")
    fail_on_flaky = Flag("--fail-on-flaky", help="A check that passed only when tried again fails the run.")
    timeout = Duration(
        "--timeout", "-t", metavar="DURATION", help="Give up after this long, instead of `smoke.timeout`."
    )
    from_run = Text(
        "--from-run", metavar="RUN", complete="run",
        help="Start nothing: print the checks and the contract that a recorded run suggests.",
    )  # fmt: skip
    keyword = Text("-k", "--keyword", metavar="EXPRESSION", help="Only items whose names match, as in pytest.")
    exit_first = Flag("--exitfirst", "-x", help="End at the first failure.")
    pytest_arguments = TextList("--pytest", metavar="ARGUMENT", help="A further argument for pytest; repeat.")
    as_json = JSON
    run_as = RUN_AS
    profiles = PROFILE


def run(context: Context, options: SmokeCommandOptions) -> int:
    """Prove the stack and return the exit code; what was started is taken down, whatever happens."""
    if options.from_run:
        return _propose(context, options.from_run)
    from devctl.smoke import run as smoke
    from devctl.smoke.collect import require_pytest
    from devctl.smoke.report import write

    require_pytest()
    write.check_targets(_targets(options))
    began = time.time()
    screen = _Screen(context, is_silent=options.as_json)
    listener = smoke.Listener(
        context.terminal.say, screen.show, lambda: display.choose(context, quiet=options.as_json)
    )  # fmt: skip
    life = smoke.SmokeRun(context.stack, _smoke_options(options), listener)
    context.warn(map(str, life.loaded.warnings))
    is_good = False
    is_kept = False
    refused: DevctlError | None = None
    try:
        report = life.prove()
        is_good = not report.failed and not report.interrupted
        refused = _write(context, options, life, report, began)
    finally:
        is_kept = life.finish(is_good=is_good)
    if options.as_json:
        _write_json(context, report)
    else:
        screen.attempt(lambda: _summarise(context, report, is_kept=is_kept))
    if failure := refused or screen.failure:
        raise failure
    return _exit_code(report, fail_on_flaky=options.fail_on_flaky)


def _targets(options: SmokeCommandOptions) -> Targets:
    from devctl.smoke.report.write import Targets

    return Targets(options.junit or "", options.markdown or "", options.bundle or "")


class _Screen:
    """Shows outcomes as they come. An output that fails fails no check: the run goes on, and its reports are written.

    Whoever closed a pipe has seen enough, and the exit code says the rest; any other failure is told at the end.
    """

    def __init__(self, context: Context, *, is_silent: bool) -> None:
        self.failure: OSError | None = None
        self._context = context
        self._is_silent = is_silent

    def show(self, outcome: Outcome) -> None:
        """Show one outcome."""
        if not self._is_silent:
            self.attempt(lambda: _show(self._context, outcome))

    def attempt(self, write: Callable[[], None]) -> None:
        """Write to the terminal; after a failure no more."""
        try:
            write()
            self._context.terminal.flush()
        except OSError as error:
            self.failure = self.failure or (None if isinstance(error, BrokenPipeError) else error)
            self._is_silent = True
            self._context.terminal.abandon()


def _propose(context: Context, run_id: str) -> int:
    """Print the section `smoke:` that a recorded run suggests."""
    import contextlib

    from devctl.actions import finders
    from devctl.core.spec import RESERVED
    from devctl.record import logs, replay
    from devctl.smoke import proposal

    recorded = context.stack.run(run_id)
    spec = replay.read_spec(recorded)
    if spec is None:
        raise DevctlError("what ran then cannot be read", where=str(recorded.spec_file))
    services = [name for name in spec.active if not spec.services[name].uses and name not in RESERVED]
    with contextlib.closing(finders.open_spans(recorded)) as reader:
        spans = list(reader.within(0, proposal.FOREVER_NS))
    lines = logs.read(recorded, logs.Query(services=tuple(services)))
    context.terminal.write(proposal.document(recorded.id, spans, lines, services).rstrip())
    context.terminal.say(typed("Put it into stack.yaml, keep what is right, and run `devctl smoke`."))
    return ExitCode.OK


def _smoke_options(options: SmokeCommandOptions) -> SmokeOptions:
    from devctl.smoke.run import SmokeOptions

    keyword = ["-k", options.keyword] if options.keyword else []
    return SmokeOptions(
        suites=options.suites,
        reuse=options.reuse,
        keep=options.keep,
        keep_on_failure=options.keep_on_failure,
        isolated=options.isolated,
        run_as=options.run_as or "",
        profiles=options.profiles,
        timeout_seconds=options.timeout,
        pytest_arguments=[*keyword, *(["-x"] if options.exit_first else []), *options.pytest_arguments],
    )


def _show(context: Context, outcome: Outcome) -> None:
    from devctl.render import smoke as rendered

    for line in rendered.outcome(outcome, context.terminal):
        context.terminal.write(line)
    context.terminal.flush()


def _write(
    context: Context, options: SmokeCommandOptions, life: SmokeRun, report: Report, began: float
) -> DevctlError | None:
    """Write the reports that were asked for, and those that the CI system reads; return why one could not be."""
    from devctl.smoke.report import write

    write.complete(report, life)
    try:
        for line in write.files(report, life, _targets(options), context.stack.environ, began):
            context.terminal.say(line)
    except EnvironmentProblem as error:
        return error
    return None


def _write_json(context: Context, report: Report) -> None:
    import json

    from devctl.smoke.report import write

    context.terminal.write(json.dumps(write.as_json(report)))


def _summarise(context: Context, report: Report, *, is_kept: bool) -> None:
    from devctl.render import smoke as rendered

    for line in rendered.summary(report, context.terminal):
        context.terminal.write(line)
    if is_kept:
        context.terminal.say(typed("The stack runs on: `devctl status` shows it, `devctl down` ends it."))


def _exit_code(report: Report, *, fail_on_flaky: bool) -> int:
    if report.interrupted:
        return ExitCode.INTERRUPTED
    is_bad = report.failed or (fail_on_flaky and report.flaky)
    return ExitCode.UNHEALTHY if is_bad else ExitCode.OK


COMMAND = Command(
    run,
    SmokeCommandOptions,
    about="Starts the stack, waits until it is healthy and stays so, runs the checks of `smoke:` in stack.yaml and of "
    "tests/smoke, reports, and takes it down. Each check has a trace of its own; one that fails comes with its "
    "waterfall and its log lines. Exit code 0 passed, 1 a check failed, 2 the manifest is wrong, 3 something is "
    "missing.",
    examples={
        "devctl smoke": "prove the stack",
        "devctl smoke --junit smoke.xml --bundle smoke.zip": "in a CI job",
        "devctl smoke --reuse -k buy": "one check, on the stack that runs",
        "devctl smoke --keep-on-failure": "leave it running to look at it",
        "devctl smoke --from-run 20260131": "a first `smoke:` section, from what was recorded",
    },
    shape="One object: `stack`, `run`, `verdict`, `seconds`, `overhead_seconds`, `properties`, `coverage`, `history` "
    "(item → how it ended before), `green_run`, `differences` (as of `diff`) and `outcomes`, each with `phase`, "
    "`name`, `status`, `seconds`, `message`, `text`, `service`, `trace_id`, `attempts`.",
)
