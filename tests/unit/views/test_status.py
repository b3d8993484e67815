"""What people are told, live and from the record: views, words for the whole stack, and why."""

from __future__ import annotations

import pytest

from devctl.diagnosis import causes
from devctl.session.protocol import WhyView
from devctl.views import status
from devctl.views.critical_path import critical_path
from tests import fakes
from tests.fakes import World
from tests.histories import happen, read_services


def told(services: str, *happenings: str) -> World:
    world = World(fakes.spec(*read_services(services).values()))
    for what in happenings:
        happen(world, what)
    return world


def seen(world: World) -> status.Picture:
    loop = world.loop
    return status.Picture(loop.spec, loop.graph, loop.state, loop.standings)


def why(world: World, *names: str, answers: dict[str, str] | None = None) -> list[WhyView]:
    return causes.why(seen(world), names, answers or {}, None, world.clock)


@pytest.mark.parametrize(
    ("services", "happenings", "word"),
    [
        ("a", ["up"], "starting"),
        ("a", ["up", "a.1 started", "a.1 ready"], "healthy"),
        ("a, g(optional)", ["up", "a.1 started", "a.1 ready"], "healthy"),
        ("a", ["up", "a.1 started", "a.1 exits 1"], "unhealthy"),
        ("a, b(after a healthy)", ["up", "a.1 started", "a.1 exits 1"], "unhealthy"),
        ("a", ["up", "a.1 started", "down"], "stopping"),
        ("a", ["up", "a.1 started", "down", "a.1 stopped"], "stopped"),
        ("j(no check), a", ["up", "j.1 started", "j.1 exits 0", "a.1 started", "down", "a.1 stopped"], "stopped"),
        ("j(job), a(after j completed)", ["up", "j.1 started"], "starting"),
    ],
)
def test_there_is_one_word_for_a_whole_stack(services: str, happenings: list[str], word: str) -> None:
    assert status.status_view(seen(told(services, *happenings)), "/t")["status"] == word


def test_a_blame_chain_ends_at_the_root_cause() -> None:
    world = told("a, b(after a healthy), c(after b healthy)", "up", "a.1 started", "a.1 exits 3")
    (view,) = why(world, "c")
    assert [(cause["service"], cause["says"]) for cause in view["chain"]] == [
        ("c", "c waits for b (blocked)"),
        ("b", "b waits for a (failed)"),
        ("a", "a failed: ended with exit code 3 before it was healthy"),
    ]
    assert view["chain"][-1]["exit_code"] == 3
    assert "devctl up a" in view["chain"][-1]["next"]


def test_what_failed_is_blamed_before_what_is_only_slow() -> None:
    world = told("slow, dead, c(after slow healthy, after dead healthy)", "up", "slow.1 started", "dead.1 started",
                 "dead.1 exits 1")  # fmt: skip
    (view,) = why(world, "c")
    assert [cause["service"] for cause in view["chain"]] == ["c", "dead"]


def test_a_slow_start_tells_its_check_and_what_that_saw() -> None:
    world = told("a", "up", "a.1 started", "wait 12")
    (view,) = why(world, answers={"a.1": "connection refused"})
    (cause,) = view["chain"]
    assert "GET / on port http" in cause["says"]
    assert "connection refused" in cause["says"]
    assert "12.0 s" in cause["says"]


def test_what_cannot_be_had_tells_its_cure() -> None:
    world = told("a(only tools java)", "up", "a missing")
    (view,) = why(world)
    assert view["chain"][0]["says"] == "a cannot be had on this machine: native: no network"
    assert view["chain"][0]["next"] == "connect"


def test_everything_good_needs_no_words() -> None:
    world = told("a", "up", "a.1 started", "a.1 ready")
    assert why(world) == []
    assert why(world, "a")[0]["chain"] == []


def test_the_critical_path_is_the_longest_chain_of_what_became_good() -> None:
    world = told("a, quick, b(after a healthy, after quick healthy)", "up", "a.1 started", "quick.1 started")
    since = world.clock.seconds
    for what in ("wait 1", "quick.1 ready", "wait 2", "a.1 ready", "b.1 started", "wait 0.5", "b.1 ready"):
        happen(world, what)
    path = critical_path(seen(world), ["a", "b", "quick"], since)
    assert [(link["service"], link["seconds"]) for link in path] == [("a", 3.0), ("b", 0.5)]
    assert path[-1]["ready_seconds"] == 3.5


def test_what_had_to_be_fetched_first_is_a_link_of_the_critical_path() -> None:
    world = told("a(tools java), b(after a healthy)", "up")
    since = world.clock.seconds
    for what in ("wait 4", "a fetched", "a.1 started", "wait 1", "a.1 ready", "b.1 started", "wait 2", "b.1 ready"):
        happen(world, what)
    path = critical_path(seen(world), ["a", "b"], since)
    assert [(link["step"], link["service"], link["seconds"]) for link in path] == [
        ("fetch", "a", 4.0), ("start", "a", 1.0), ("start", "b", 2.0),
    ]  # fmt: skip


def test_what_was_stopped_first_is_a_link_of_a_restart() -> None:
    world = told("a, b(after a healthy)", "up", "a.1 started", "a.1 ready", "b.1 started", "b.1 ready", "wait 9")
    since = world.clock.seconds
    for what in ("restart-with-dependents a", "wait 2", "b.1 stopped", "wait 3", "a.1 stopped", "a.1 started", "wait 1",
                 "a.1 ready", "b.1 started", "wait 1", "b.1 ready"):  # fmt: skip
        happen(world, what)
    path = critical_path(seen(world), ["a", "b"], since)
    assert [(link["step"], link["service"], link["seconds"]) for link in path] == [
        ("stop", "b", 2.0), ("stop", "a", 3.0), ("start", "a", 1.0), ("start", "b", 1.0),
    ]  # fmt: skip


def test_a_fetch_that_took_less_than_what_was_waited_for_is_no_link() -> None:
    world = told("a, b(tools java, after a healthy)", "up", "a.1 started")
    since = world.clock.seconds
    for what in ("wait 1", "b fetched", "wait 2", "a.1 ready", "b.1 started", "wait 1", "b.1 ready"):
        happen(world, what)
    path = critical_path(seen(world), ["a", "b"], since)
    assert [(link["step"], link["service"]) for link in path] == [("start", "a"), ("start", "b")]
