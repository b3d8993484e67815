"""What counts as good: a service that shall have no instance is as it shall be."""

import pytest

from devctl.core.derived import is_healthy, is_settled, overall_status
from tests import fakes
from tests.fakes import World
from tests.histories import happen, read_services


def world(services: str, *happenings: str) -> World:
    made = World(fakes.spec(*read_services(services).values()))
    for what in ("up", *happenings):
        happen(made, what)
    return made


@pytest.mark.parametrize(
    ("services", "happenings"),
    [("a(replicas 0)", ()), ("a(replicas 0), b(after a healthy)", ("b.1 started", "b.1 ready"))],
)
def test_a_service_scaled_to_zero_is_settled_good_and_says_why_it_is_stopped(
    services: str, happenings: tuple[str, ...]
) -> None:
    statuses = world(services, *happenings).loop.statuses
    assert (statuses["a"].status, statuses["a"].reason, statuses["a"].is_good) == ("stopped", "scaled to 0", True)
    assert is_settled(statuses, "a")
    assert is_healthy(statuses, ())
    assert overall_status(statuses, ()) == "healthy"


def test_a_service_that_a_person_stopped_is_not_good() -> None:
    statuses = world("a", "a.1 started", "a.1 ready", "stop a", "a.1 stopped").loop.statuses
    assert statuses["a"].status == "stopped"
    assert not statuses["a"].is_good
