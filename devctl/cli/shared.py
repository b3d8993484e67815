"""Options and arguments that several commands share, declared once, and how times among their values are read."""

from __future__ import annotations

from devctl.cli.line.params import Argument, Arguments, Flag, RequiredArguments, Text, TextList
from devctl.core import status
from devctl.errors import UsageError

JSON = Flag("--json", help="Print JSON, in the shape that docs/cli.md describes.")
YES = Flag("--yes", "-y", help="Do not ask.")
SERVICES = Arguments("[SERVICE]...", complete="service", help="Services to act on; all when none is named.")
INSTANCES = Arguments(
    "[SERVICE]...", complete="instance", help="Services, or instances of them (SERVICE.N); all when none is named."
)
SOME_INSTANCES = RequiredArguments(
    "SERVICE...", complete="instance", help="Services, or single instances of them (SERVICE.N)."
)
ONE_SERVICE = Argument("SERVICE", complete="instance", help="The service, or one instance of it (SERVICE.N).")
RUN = Text("--run", metavar="ID", complete="run", help="A past run (its id or the beginning of it).")
RUN_AS = Text(
    "--run-as", choices=status.RUN_AS, env="DEVCTL_RUN_AS",
    help="How services run that can in several ways; others run as they can.",
)  # fmt: skip
PROFILE = TextList("--profile", metavar="NAME", complete="profile", help="Also this profile's services.")
ALL_AT_ONCE = Flag("--all-at-once", help="Not one instance after the other.")
NO_WAIT = Flag("--no-wait", help="Return as soon as the work has begun.")
PROGRESS_SHAPE = (
    "JSON lines, each with its `type`: `accepted` (`run`, `began`, `steps`), `service` (as in `status --json`), "
    "`progress` (`service`, `tool`, `source`, `stage`, `bytes`, `total`), `notice` (`text`), and last `settled` "
    "(`run`, `healthy`, `began`, `seconds`, `critical_path`, `going_on`, `failed`, `rolled_back`)."
)


def moment(text: str | None, option: str, now_ns: int) -> int | None:
    """Return the time in ns that `text` means: RFC 3339, or a duration before now; None for none."""
    if text is None:
        return None
    from devctl.text import parse_seconds

    try:
        return now_ns - int(parse_seconds(text) * 1e9)
    except ValueError:
        pass
    from datetime import UTC, datetime

    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} takes a duration (5m) or a time (2026-01-31T12:00:00Z), not {text!r}") from None
    aware = parsed if parsed.tzinfo else parsed.astimezone(UTC)
    return int(aware.timestamp() * 1e6) * 1000
