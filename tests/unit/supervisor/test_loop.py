"""What the loop does beside deciding: early ends, listeners, waiters, refused requests, its event log."""

from __future__ import annotations

import asyncio

import pytest

from devctl.core import events as happened
from devctl.core.derived import is_settled
from devctl.errors import UsageError
from devctl.runners.base import Exit
from devctl.supervisor.listeners import Change
from devctl.supervisor.loop import Decision
from tests import fakes
from tests.fakes import World
from tests.histories import read_services


def single(*, check: bool = True) -> World:
    world = World(fakes.spec(fakes.service("a", check=check)))
    world.up()
    return world


def test_an_end_that_is_heard_of_before_the_start_is_judged_after_it() -> None:
    world = single(check=False)
    world.post(Exit("a.1", 101, 0, 0))
    assert world.statuses() == {"a": "starting"}
    world.started("a.1")
    assert world.statuses() == {"a": "completed"}


def test_an_end_of_an_earlier_process_is_not_taken_for_that_of_the_present_one() -> None:
    world = single()
    world.started("a.1")
    world.ready("a.1")
    world.exits("a.1", 1)
    world.post(Exit("a.1", 101, 1, 0))
    world.started("a.1")
    world.ready("a.1")
    world.post(Exit("a.1", 101, 1, 0))
    assert world.statuses() == {"a": "healthy"}


def test_a_listener_hears_each_event_once_and_only_of_who_changed() -> None:
    world = World(fakes.spec(fakes.service("a"), fakes.service("b")))
    changes: list[Change] = []
    world.loop.listeners.add(changes.append)
    world.up()
    world.started("a.1")
    world.ready("a.1")
    assert [type(e) for e in changes[-1].events] == [happened.InstanceReady]
    assert changes[-1].names == {"a"}
    events = [event for change in changes for event in change.events]
    assert len(events) == len(world.event_log)


def test_a_refused_request_changes_nothing_and_tells_only_who_asked() -> None:
    world = single()

    def refuse() -> Decision[None]:
        raise UsageError("no")

    before = world.loop.state
    with pytest.raises(UsageError, match="no"):
        world.request(refuse)
    assert world.loop.state == before
    world.started("a.1")
    assert world.loop.state != before


async def test_who_waits_is_woken_when_it_holds() -> None:
    world = single()
    waiting = asyncio.ensure_future(world.loop.until(lambda: world.statuses() == {"a": "healthy"}))
    await asyncio.sleep(0)
    world.started("a.1")
    assert not waiting.done()
    world.ready("a.1")
    await waiting


def test_a_clock_that_jumps_moves_no_delay() -> None:
    world = single()
    world.started("a.1")
    world.ready("a.1")
    world.exits("a.1", 1)
    world.started("a.1")
    world.exits("a.1", 1)
    wall = world.clock.now_ns
    world.clock.now_ns = lambda: wall() - 365 * 86400 * 10**9  # type: ignore[method-assign]
    world.ordered()
    world.wait(0.9)
    assert world.ordered() == []
    world.wait(0.2)
    assert world.ordered() == ["start a.1"]


def test_what_is_unhealthy_ends_an_up_and_yet_releases_its_dependents_when_it_recovers() -> None:
    world = World(fakes.spec(*read_services("a, b(after a healthy)").values()))

    def is_over() -> bool:
        return all(is_settled(world.loop.statuses, name) for name in "ab")

    world.up()
    world.started("a.1")
    assert not is_over()
    world.unready("a.1")
    assert is_over()
    assert world.statuses() == {"a": "unhealthy", "b": "blocked"}
    world.ready("a.1")
    assert not is_over()
    assert world.ordered() == ["start a.1", "start b.1"]
