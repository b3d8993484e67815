"""Names that a person typed, held against those that there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from devctl.core.selection import no_instance, split
from devctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.access import Reader

MOST_INSTANCES = 1000  # as many as a manifest may ask for


def of_services(session: Reader) -> list[str]:
    """Return the names of the stack's services."""
    return [service["name"] for service in session.status()["services"]]


def check_in_stack(session: Reader, names: Sequence[str]) -> None:
    """Raise UsageError for the first of `names` that is no service of the stack, or one of a profile that is not
    active."""
    existing = of_services(session)
    if missing := next((name for name in names if name not in existing), None):
        refuse_inactive(session, missing)
    check_services(names, existing)


def check_instances(session: Reader, names: Sequence[str]) -> None:
    """Raise UsageError for the first of `names` that is neither a service of the stack nor an instance of one."""
    services = {service["name"]: service for service in session.status()["services"]}
    for name in names:
        service, is_instance = split(name)
        if service not in services:
            check_in_stack(session, [service])
        instances = [instance["id"] for instance in services[service]["instances"]]
        if is_instance and name not in instances:
            raise no_instance(name, instances)


def refuse_inactive(session: Reader, name: str) -> None:
    """Raise UsageError when `name` is a service that does not run since none of its profiles is active."""
    snapshot = session.snapshot()
    service = snapshot["spec"]["services"].get(name)
    profiles = service.get("profiles", ()) if service else ()
    if profiles and name not in snapshot["spec"].get("active", ()):
        from devctl.text import count, listing

        of = f"{count(len(profiles), 'profile')[2:]} {listing(map(repr, profiles))}"
        raise UsageError(
            f"{name} belongs to the {of}, which {'is' if len(profiles) == 1 else 'are'} not active",
            next=f"Start it with `devctl up -d {name}`, or with `devctl --profile {profiles[0]} up -d`.",
        )


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


def counts_of(texts: Sequence[str]) -> dict[str, int]:
    """Return how many instances each service shall have, of texts such as `order=3`; UsageError for anything else."""
    counts: dict[str, int] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        is_count = number.isascii() and number.isdigit() and int(number) <= MOST_INSTANCES
        if not (name and equals and is_count):
            raise UsageError(f"{text!r} is not SERVICE=N", next="Write the number of instances, such as order=3.")
        counts[name] = int(number)
    return counts
