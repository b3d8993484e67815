"""Names that a person typed, held against those that there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from devctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.access import Reader


def of_services(session: Reader) -> list[str]:
    """Return the names of the stack's services."""
    return [service["name"] for service in session.status()["services"]]


def check_services(names: Sequence[str], services: Iterable[str]) -> None:
    """Raise UsageError for the first of `names` that is no service, with the name that is most like it."""
    check("service", names, services)


def check(kind: str, names: Sequence[str], existing: Iterable[str]) -> None:
    """Raise UsageError for the first of `names` that is not among the `existing` ones of its kind."""
    choices = list(existing)
    missing = next((name for name in names if name not in choices), None)
    if missing is None:
        return
    from devctl.text import listing, nearest

    guess = nearest(missing, choices)
    hint = f"Did you mean {guess!r}?" if guess else f"There are {listing(sorted(choices))}." if choices else ""
    raise UsageError(f"no {kind} {missing!r}", next=hint)
