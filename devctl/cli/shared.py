"""Options and arguments that several commands share, declared once, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from devctl.cli.line.declare import Argument, Option
from devctl.errors import ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.recorded import Recorded
    from devctl.cli.context import Context
    from devctl.render.progress import Progress
    from devctl.session.client import Client
    from devctl.session.protocol import Settled

JSON = Option("--json", flag=True, help="Print JSON, in the shape that docs/cli.md describes.", name="as_json")
YES = Option("--yes", "-y", flag=True, help="Do not ask.")
SERVICES = Argument("services", many=True, required=False, metavar="[SERVICE]...", complete="service",
                    help="Services to act on; all when none is named.")  # fmt: skip
SOME_SERVICES = Argument("services", many=True, metavar="SERVICE...", complete="service", help="Services to act on.")
ONE_SERVICE = Argument("service", complete="service", help="The service, or one instance of it (SERVICE.N).")
RUN = Option("--run", metavar="ID", complete="run", name="run_id", help="A past run (its id or the beginning of it).")
RUN_AS = Option(
    "--run-as", choices=("auto", "container", "process", "native", "embedded"), env="DEVCTL_RUN_AS",
    help="How bought-in products run.",
)  # fmt: skip
PROFILE = Option("--profile", many=True, metavar="NAME", name="profiles", help="Also this profile's services.")


def known(asked: Sequence[str], services: Iterable[str]) -> None:
    """Check that every asked name is a service; UsageError with the nearest right word for the first that is not."""
    have = list(services)
    for name in asked:
        if name in have:
            continue
        from devctl.text import listing, nearest

        guess = nearest(name, have)
        more = f"Did you mean {guess!r}?" if guess else f"There are {listing(sorted(have))}." if have else ""
        raise UsageError(f"no service {name!r}", next=more)


def duration(text: str | None, option: str) -> float | None:
    """Return the seconds that `text` means, None for none; UsageError names the option."""
    if text is None:
        return None
    from devctl.text import parse_duration

    try:
        return parse_duration(text)
    except ValueError:
        raise UsageError(f"{option} takes a duration such as 30s, 5m or 1h30m, not {text!r}") from None


def moment(text: str | None, option: str, now_ns: int) -> int | None:
    """Return the time in ns that `text` means: RFC 3339, or a duration before now; None for none."""
    if text is None:
        return None
    from devctl.text import parse_duration

    try:
        return now_ns - int(parse_duration(text) * 1e9)
    except ValueError:
        pass
    from datetime import UTC, datetime

    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} takes a duration (5m) or a time (2026-01-31T12:00:00Z), not {text!r}") from None
    aware = parsed if parsed.tzinfo else parsed.astimezone(UTC)
    return int(aware.timestamp() * 1e6) * 1000


NO_WAIT = Option("--no-wait", flag=True, help="Return as soon as the work has begun.")
PROGRESS_SHAPE = (
    "JSON lines, each with its `type`: `accepted` (`run`, `began`, `steps`), `service` (as in `status --json`), "
    "`progress` (`service`, `tool`, `source`, `stage`, `bytes`, `total`), `notice` (`text`), and last `settled` "
    "(`run`, `healthy`, `began`, `seconds`, `critical_path`, `going_on`, `failed`)."
)


def names(session: Client | Recorded) -> list[str]:
    """Return the names of the stack's services."""
    return [service["name"] for service in session.status()["services"]]


def progress(context: Context, *, as_json: bool = False, quiet: bool = False, stopping: bool = False) -> Progress:
    """Return the display that fits: JSON lines, rows redrawn on a terminal, plain lines, or none."""
    from devctl.render import progress as displays

    if as_json:
        return displays.Json(context.terminal)
    if quiet:
        return displays.Quiet()
    if not context.terminal.is_live:
        return displays.Plain(context.terminal)
    from devctl.render.live import Live

    return Live(context.terminal, stopping=stopping)


def report(context: Context, settled: Settled, *, waited: bool) -> int:
    """Say how a start ended, why what failed did, and return the exit code."""
    if not waited:
        return ExitCode.OK
    session = context.session()
    explain(context, session, settled["failed"])
    session.close()
    return ExitCode.OK if settled["healthy"] else ExitCode.UNHEALTHY


def explain(context: Context, session: Client | Recorded, services: Sequence[str]) -> None:
    """Say why each of `services` is not good, on stderr."""
    if not services:
        return
    from devctl.render import blame

    for view in session.why(services):
        context.terminal.say("\n".join(blame.lines(view, context.terminal)))
