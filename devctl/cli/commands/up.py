"""`devctl up`: the stack comes up; then its logs are followed, or the prompt is back when it is healthy."""

from __future__ import annotations

from devctl.actions import downloads
from devctl.actions.up import Wishes, load
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.ctrl_c import INTERRUPTS
from devctl.cli.line.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec
    from devctl.session.client import Client, Prepared


def run(
    context: Context, *, services: list[str], detach: bool, no_wait: bool, wait_timeout: str | None,
    run_as: str | None, profiles: list[str], isolated: bool, dry_run: bool, no_watch: bool, no_deps: bool,
    force_recreate: bool, trace: bool, quiet: bool, as_json: bool,
) -> int:  # fmt: skip
    """Start the stack as the options say."""
    wishes = Wishes(
        services=services, detach=detach or no_wait, wait=not no_wait,
        wait_timeout=shared.duration(wait_timeout, "--wait-timeout"), run_as=run_as or "", profiles=profiles,
        isolated=isolated, watch=not no_watch and not context.environ.get("CI"), no_deps=no_deps,
        force=force_recreate, trace=trace, as_json=as_json, quiet=quiet,
    )  # fmt: skip
    if dry_run:
        from devctl.cli.commands import plan

        return plan.show(context, wishes)
    return bring(context, wishes)


def bring(context: Context, wishes: Wishes) -> int:
    """Start the supervisor, load the manifest meanwhile, hand it over, and stay as long as was asked."""
    if wishes.isolated:
        context.isolate()
    client, spec = _begin(context, wishes)
    if wishes.detach:
        from devctl.cli import detached

        return detached.bring(context, client, spec, wishes)
    from devctl.cli import foreground

    return foreground.bring(context, client, spec, wishes)


def _begin(context: Context, wishes: Wishes) -> tuple[Client, Spec]:
    """Return a session and the specification for it; whatever fails meanwhile leaves no trace."""
    prepared: Prepared | None = None
    try:
        with INTERRUPTS:  # or a supervisor would be left without anybody who knows of it
            prepared = context.prepare()
        spec = load(context, wishes)
        if not (wishes.quiet or wishes.as_json):
            downloads.announce(context.terminal, spec)
        client = prepared.connect()
        INTERRUPTS.look()
    except BaseException:
        if prepared:
            prepared.cancel()
        raise
    return client, spec


COMMAND = Command(
    run,
    shared.SERVICES,
    Option("--detach", "-d", flag=True, help="Return when the stack is healthy, and let it run."),
    Option("--no-wait", flag=True, help="With -d: return at once."),
    Option("--wait-timeout", metavar="DURATION", help="With -d: give up waiting after this long; what runs goes on."),
    shared.RUN_AS,
    shared.PROFILE,
    Option("--isolated", flag=True, help="A second copy of the stack, with ports and data of its own."),
    Option("--dry-run", flag=True, help="Print the plan and do nothing."),
    Option("--no-watch", flag=True, help="Do not restart services when their files change."),
    Option("--no-deps", flag=True, help="Not what the named services depend on."),
    Option("--force-recreate", flag=True, help="Restart also what did not change."),
    Option("--trace", flag=True, help="Show the start as a waterfall: what took the time."),
    Option("--quiet", "-q", flag=True, help="No progress, no summary."),
    shared.JSON,
    about="Starts what is not running, in dependency order, and applies what changed in stack.yaml. In the foreground "
    "it then follows the logs (bought-in products from `warning` up); Ctrl-C stops the stack in order, twice at once. "
    "An `up` that joined a running stack only detaches. Naming a service activates its profile. As in Compose, "
    "`-d` ends with 1 as soon as a service has failed or is still unhealthy after its start period and nothing else "
    "goes on; the stack runs on, and when that service recovers, what waits for it starts (`devctl wait` waits).",
    examples={
        "devctl up": "start, then follow the logs",
        "devctl up -d": "start, and return when healthy",
        "devctl up order": "one service and what it needs",
        "devctl up --run-as embedded": "without any real infrastructure",
        "devctl up --dry-run": "only say what would be done",
    },
    shape=shared.PROGRESS_SHAPE,
)
