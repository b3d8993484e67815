"""`devctl up`: the stack comes up; then its logs are followed, or the prompt is back when it is healthy."""

from __future__ import annotations

from devctl.cli import display, shared
from devctl.cli.context import Context
from devctl.cli.ctrl_c import INTERRUPTS
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Duration, Flag, TextList
from devctl.errors import ExitCode, UsageError
from devctl.text import typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.up import Startup, UpOptions


class UpCommandOptions(Options):
    """What `devctl up` takes."""

    services = shared.SERVICES
    detach = Flag("--detach", "-d", help="Return when the stack is healthy, and let it run.")
    no_wait = Flag("--no-wait", help="With -d: return at once.")
    wait_timeout = Duration(
        "--wait-timeout", metavar="DURATION", help="With -d: give up waiting after this long; what runs goes on."
    )
    run_as = shared.RUN_AS
    profiles = shared.PROFILE
    isolated = Flag("--isolated", help="A second copy of the stack, with ports and data of its own.")
    dry_run = Flag("--dry-run", help="Print the plan and do nothing.")
    no_watch = Flag("--no-watch", help="Do not restart services when their files change.")
    no_deps = Flag("--no-deps", help="Not what the named services depend on.")
    build = Flag("--build", help="First build the images whose sources have changed.")
    force_recreate = Flag("--force-recreate", help="Restart also what did not change.")
    tui = Flag("--tui", help="Watch it start in the terminal UI, and stay there (see `devctl tui`).")
    scale = TextList("--scale", metavar="SERVICE=N", help="So many instances, instead of the manifest's; repeatable.")
    all_at_once = shared.ALL_AT_ONCE
    trace = Flag("--trace", help="Show the start as a waterfall: what took the time.")
    quiet = Flag("--quiet", "-q", help="No progress, no summary.")
    as_json = shared.JSON


def run(context: Context, options: UpCommandOptions) -> int:
    """Start the stack as the options say."""
    up_options = _up_options(options, is_ci=bool(context.stack.environ.get("CI")))
    if options.dry_run:
        from devctl.cli.commands import plan

        return plan.show(context, up_options, as_json=options.as_json)
    if options.tui:
        return _run_tui(context, options, up_options)
    if options.detach or options.no_wait:
        return run_detached(context, up_options, as_json=options.as_json, quiet=options.quiet, trace=options.trace)
    from devctl.actions import up
    from devctl.cli import foreground

    progress = display.choose(context, as_json=options.as_json, quiet=options.quiet)
    startup = up.prepare(context.stack, up_options._replace(wait_timeout_seconds=None), progress, INTERRUPTS)
    is_silent = options.as_json or options.quiet

    def show_result() -> None:
        if not is_silent:
            _show_result(context, startup, trace=options.trace)

    return foreground.run(context, startup, show_result, as_json=options.as_json)


def _run_tui(context: Context, options: UpCommandOptions, up_options: UpOptions) -> int:
    """Begin the start, and show it in the terminal UI."""
    from devctl.actions import up
    from devctl.cli.commands import tui

    others = {"--detach": options.detach, "--json": options.as_json, "--quiet": options.quiet, "--trace": options.trace}
    for flag in (flag for flag, is_given in others.items() if is_given):
        raise UsageError(f"--tui and {flag} do not go together")
    tui.refuse_without_textual()
    startup = up.prepare(
        context.stack, up_options._replace(wait=False), display.choose(context, quiet=True), INTERRUPTS
    )
    startup.run()
    startup.client.close()
    return tui.run_started(context, startup)


def _up_options(options: UpCommandOptions, *, is_ci: bool) -> UpOptions:
    from devctl.actions import names
    from devctl.actions.up import UpOptions

    return UpOptions(
        services=options.services,
        run_as=options.run_as or "",
        profiles=options.profiles,
        isolated=options.isolated,
        no_deps=options.no_deps,
        force_recreate=options.force_recreate,
        watch=not options.no_watch and not is_ci,
        wait=not options.no_wait,
        wait_timeout_seconds=options.wait_timeout,
        all_at_once=options.all_at_once,
        build=options.build,
        counts=names.counts_of(options.scale),
    )


def run_detached(
    context: Context, options: UpOptions, *, as_json: bool = False, quiet: bool = False, trace: bool = False
) -> int:
    """Start the stack, wait for it as the options say, and return the exit code; what runs goes on."""
    from devctl.actions import up
    from devctl.actions.failures import StartFailed

    progress = display.choose(context, as_json=as_json, quiet=quiet)
    startup = up.prepare(context.stack, options, progress, INTERRUPTS)
    try:
        settled = startup.run(give_up=options.wait)
    except StartFailed as failure:
        display.explain(context, failure.explanations)
        raise
    except KeyboardInterrupt:
        context.terminal.say(typed("Interrupted; the start goes on. `devctl down` stops it."))
        return ExitCode.INTERRUPTED
    if not options.wait:
        return ExitCode.OK
    if not (as_json or quiet):
        _show_result(context, startup, trace=trace)
    return ExitCode.OK if settled["healthy"] else ExitCode.UNHEALTHY


def _show_result(context: Context, startup: Startup, *, trace: bool) -> None:
    """Show where everything is, what is missing and why, and what took the time."""
    from devctl.render import summary

    terminal = context.terminal
    result = startup.result()
    terminal.flush()
    for line in summary.results(result.status, terminal):
        terminal.write(line)
    for line in summary.messages(result.status, result.settled, terminal):
        terminal.say(line)
    display.say_rolled_back(context, result.settled)
    display.explain(context, result.explanations)
    if trace:
        _show_trace(context, startup)
    if startup.options.isolated:
        name = startup.stack.selection.project_name
        terminal.say(typed(f"This copy is named {name}: `devctl -p {name} status`, and so on."))


def _show_trace(context: Context, startup: Startup) -> None:
    from devctl.actions.start_trace import find_start_trace
    from devctl.cli.commands import traces

    trace_id = find_start_trace(startup.stack, startup.began_ns)
    if trace_id:
        traces.show_one(context, startup.stack.run(), trace_id)
    else:
        context.terminal.say("The start left no trace: without the hub (`telemetry: off`) there is none.")


COMMAND = Command(
    run,
    UpCommandOptions,
    about="Starts what is not running, in dependency order, and applies what changed in stack.yaml. In the foreground "
    "it then follows the logs (third-party products from `warning` up); Ctrl-C stops the stack in order, a second "
    "Ctrl-C at once. "
    "An `up` that joined a running stack only detaches. Naming a service activates its profile. As in Compose, "
    "`-d` ends with 1 as soon as a service has failed or is still unhealthy after its start period and nothing else "
    "goes on; the stack runs on, and when that service recovers, what waits for it starts (`devctl wait` waits).",
    examples={
        "devctl up": "start, then follow the logs",
        "devctl up -d": "start, and return when healthy",
        "devctl up --tui": "start, and watch it in the terminal UI",
        "devctl up order": "one service and what it needs",
        "devctl up --run-as embedded": "without any real infrastructure",
        "devctl up -d --build": "with images built anew where their sources have changed",
        "devctl up --dry-run": "only say what would be done",
    },
    shape=shared.PROGRESS_SHAPE,
)
