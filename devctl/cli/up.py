"""`devctl up`: the stack comes up; then its logs are followed, or the prompt is back when it is healthy."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from devctl.cli import downloads, shared
from devctl.cli.context import Context
from devctl.cli.deadline import DeadlinePassed, deadline
from devctl.cli.declare import Command, Option
from devctl.errors import DevctlError, ExitCode
from devctl.text import clean, duration, listing, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec
    from devctl.session.base import AcceptedView, Item, ServiceView, Settled
    from devctl.session.client import Client


class Wishes:
    """What one `up` was asked for."""

    def __init__(
        self, *, services: list[str], detach: bool = False, wait: bool = True, wait_timeout: float | None = None,
        run_as: str = "", profiles: list[str] | None = None, isolated: bool = False, watch: bool = True,
        no_deps: bool = False, force: bool = False, trace: bool = False, as_json: bool = False, quiet: bool = False,
    ) -> None:  # fmt: skip
        self.services = services
        self.detach = detach
        self.wait = wait
        self.wait_timeout = wait_timeout
        self.run_as = run_as
        self.profiles = profiles or []
        self.isolated = isolated
        self.watch = watch
        self.no_deps = no_deps
        self.force = force
        self.trace = trace
        self.as_json = as_json
        self.quiet = quiet


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
        from devctl.cli import plan

        return plan.show(context, wishes)
    return bring(context, wishes)


def bring(context: Context, wishes: Wishes) -> int:
    """Start the supervisor, load the manifest meanwhile, hand it over, and stay as long as was asked."""
    if wishes.isolated:
        context.isolate()
    prepared = context.prepare()
    try:
        spec = load(context, wishes)
        if not (wishes.quiet or wishes.as_json):
            downloads.announce(context.terminal, spec)
    except BaseException:
        prepared.cancel()
        raise
    client = prepared.connect()
    return _detached(context, client, spec, wishes) if wishes.detach else _attached(context, client, spec, wishes)


def load(context: Context, wishes: Wishes) -> Spec:
    """Return the specification that `wishes` ask for."""
    loaded = context.load(
        names=wishes.services, run_as=wishes.run_as, isolated=wishes.isolated, profiles=wishes.profiles
    )
    return loaded.spec


class _Hopeless(Exception):
    """A service failed for good while everybody waited for it."""


class _Start:
    """One `apply` with its display; remembers whether it began the run."""

    def __init__(self, context: Context, wishes: Wishes, *, give_up: bool) -> None:
        self.began_ns = 0
        self.accepted = False
        self.began = False
        self.failed: list[str] = []
        self._give_up = give_up
        self._wishes = wishes
        self._terminal = context.terminal
        self._progress = shared.progress(context, as_json=wishes.as_json, quiet=wishes.quiet)

    def apply(self, client: Client, spec: Spec) -> Settled:
        """Hand the specification over and show what comes of it."""
        wishes = self._wishes
        self.began_ns = time.time_ns()
        with self._progress as progress:
            settled = client.apply(
                spec, names=wishes.services, force=wishes.force, no_deps=wishes.no_deps, watch=wishes.watch,
                wait=wishes.wait, on_item=self._item,
            )  # fmt: skip
            progress.settled(settled)
        return settled

    def _accept(self, accepted: AcceptedView) -> None:
        self.accepted, self.began = True, accepted["began"]
        if self._wishes.as_json or self._wishes.quiet or self.began:
            return
        for step in accepted["steps"]:  # a person who joins a running stack wants to know what it does to it
            if step["action"] in ("restart", "stop"):
                self._terminal.say(clean(step["text"]))

    def _item(self, item: Item) -> None:
        if "accepted" in item:
            self._accept(item["accepted"])
        self._progress.item(item)
        for view in item.get("services", ()):
            if self._give_up and view["status"] == "failed" and not view["optional"]:
                self.failed.append(view["name"])
                raise _Hopeless


def _detached(context: Context, client: Client, spec: Spec, wishes: Wishes) -> int:
    start = _Start(context, wishes, give_up=wishes.wait)
    try:
        with deadline(wishes.wait_timeout):
            settled = start.apply(client, spec)
    except DeadlinePassed:
        return _give_up(context, f"not healthy after {duration(wishes.wait_timeout or 0)}", [])
    except _Hopeless:
        return _give_up(context, f"{listing(map(clean, start.failed))} failed to start", start.failed)
    except KeyboardInterrupt:
        context.terminal.say(typed("Interrupted; the start goes on. `devctl down` stops it."))
        return ExitCode.INTERRUPTED
    if not wishes.wait:
        return ExitCode.OK
    _conclude(context, client, settled, wishes, start.began_ns)
    return ExitCode.OK if settled["healthy"] else ExitCode.UNHEALTHY


def _give_up(context: Context, what: str, services: list[str]) -> int:
    session = context.session()
    shared.explain(context, session, services)
    late = [] if services else [s["name"] for s in session.status()["services"] if _is_late(s["status"])]
    shared.explain(context, session, late)
    raise DevctlError(what, next="What runs goes on; `devctl status` shows it, `devctl down` stops it.")


def _is_late(status: str) -> bool:
    return status not in ("healthy", "running", "completed", "unavailable")


def _conclude(context: Context, client: Client, settled: Settled, wishes: Wishes, began_ns: int) -> None:
    """Say where everything is, what is missing and why, and what took the time."""
    if wishes.as_json or wishes.quiet:
        return
    from devctl.render import summary

    view = client.status()
    context.terminal.flush()
    for line in summary.results(view, context.terminal):
        context.terminal.write(line)
    for line in summary.talk(view, settled, context.terminal):
        context.terminal.say(line)
    shared.explain(context, client, [one["name"] for one in view["services"] if _spoils(one)])
    if wishes.trace:
        from devctl.cli import start_trace

        start_trace.show(context, began_ns)
    if wishes.isolated:
        name = context.project
        context.terminal.say(typed(f"This copy is named {name}: `devctl -p {name} status`, and so on."))


def _spoils(service: ServiceView) -> bool:
    """Tell whether this service makes the stack unhealthy, and is not just missing."""
    return service["status"] in ("failed", "unhealthy") and not service["optional"]


class _Hangup(BaseException):
    """The terminal is gone, or somebody asks this process to end."""


@contextmanager
def _hangups() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise _Hangup

    earlier = {number: signal.signal(number, ring) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _attached(context: Context, client: Client, spec: Spec, wishes: Wishes) -> int:
    start = _Start(context, wishes, give_up=False)
    try:
        with _hangups():
            settled = start.apply(client, spec)
            _conclude(context, client, settled, wishes, start.began_ns)
            client.close()
            since_ns = None if start.began else start.began_ns
            return _follow(context, spec, wishes, began=start.began, since_ns=since_ns)
    except (_Hangup, KeyboardInterrupt) as leaving:
        if isinstance(leaving, _Hangup):
            context.terminal.lose()
        return _leave(context, began=start.began if start.accepted else client.started)


def _follow(context: Context, spec: Spec, wishes: Wishes, *, began: bool, since_ns: int | None) -> int:
    """Follow the logs until the stack is gone."""
    from devctl.cli import follow

    if wishes.as_json:
        follow.until_gone(context, shared.progress(context, as_json=True))
        return ExitCode.OK
    keys = "Enter shows the addresses again, " if context.terminal.can_ask else ""
    context.terminal.say(f"Following the logs; {keys}Ctrl-C {'stops the stack' if began else 'detaches'}.")
    follow.logs_until_gone(context, spec, wishes.services, since_ns)
    context.terminal.say("The stack was stopped.")
    return ExitCode.OK


def _leave(context: Context, *, began: bool) -> int:
    """Stop what this `up` began, at once when asked twice; let go of what it joined."""
    terminal = context.terminal
    if not began:
        terminal.say(typed("\nDetached: another `up` began this run, so it goes on. `devctl down` stops it."))
        return ExitCode.INTERRUPTED
    terminal.say("\nStopping in order; Ctrl-C again stops at once.")
    try:
        _stop(context, now=False)
    except KeyboardInterrupt:
        terminal.say("\nStopping at once.")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _stop(context, now=True)
    return ExitCode.INTERRUPTED


def _stop(context: Context, *, now: bool) -> None:
    client = context.client()
    if client is None:
        return
    began = time.monotonic()
    try:
        with shared.progress(context, stopping=True) as progress:
            client.down(now=now, on_item=progress.item)
    except DevctlError:
        if context.client() is not None:  # else it was stopped before it could answer this call
            raise
    context.terminal.say(f"Stopped everything in {duration(time.monotonic() - began)}.")


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
    "An `up` that joined a running stack only detaches. Naming a service activates its profile.",
    examples={
        "devctl up": "start, then follow the logs",
        "devctl up -d": "start, and return when healthy",
        "devctl up order": "one service and what it needs",
        "devctl up --run-as embedded": "without any real infrastructure",
        "devctl up --dry-run": "only say what would be done",
    },
    shape=shared.PROGRESS_SHAPE,
)
