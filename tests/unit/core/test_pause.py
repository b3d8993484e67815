"""A paused instance is paused whatever its checks say, keeps others waiting, and is again what it was afterwards."""

from devctl.core import events as happened
from devctl.core.spec import Dependency
from devctl.core.status import Condition
from tests import fakes
from tests.fakes import World


def test_a_paused_instance_hears_nothing_of_checks_and_goes_on_as_it_was() -> None:
    world = World(fakes.spec(fakes.service("a")))
    world.up()
    world.started("a.1")
    world.ready("a.1")
    world.post(happened.InstancePaused("a.1", "a"))
    world.ready("a.1")
    world.unready("a.1")
    assert world.statuses() == {"a": "paused"}
    assert "unpause" in world.loop.statuses["a"].remedy
    world.post(happened.InstanceUnpaused("a.1", "a"))
    assert world.statuses() == {"a": "healthy"}


def test_what_waits_for_a_paused_service_waits_on() -> None:
    waiting = fakes.service("b", depends_on=(Dependency("a", Condition.HEALTHY),))
    world = World(fakes.spec(fakes.service("a"), waiting))
    world.up()
    world.started("a.1")
    world.post(happened.InstancePaused("a.1", "a"))
    assert world.statuses() == {"a": "paused", "b": "blocked"}
    world.post(happened.InstanceUnpaused("a.1", "a"))
    world.ready("a.1")
    world.started("b.1")
    assert world.statuses()["a"] == "healthy"


def test_a_paused_instance_that_is_killed_is_started_again() -> None:
    world = World(fakes.spec(fakes.service("a")))
    world.up()
    world.started("a.1")
    world.ready("a.1")
    world.post(happened.InstancePaused("a.1", "a"))
    world.exits("a.1", -9)
    world.started("a.1")
    world.ready("a.1")
    instance = world.loop.state.instance("a", "a.1")
    assert instance is not None
    assert (instance.status, instance.paused_as) == ("healthy", None)


def test_what_does_not_run_cannot_be_paused() -> None:
    world = World(fakes.spec(fakes.service("a")))
    world.up()
    world.started("a.1")
    world.ready("a.1")
    world.stop("a")
    world.stopped("a.1")
    world.post(happened.InstancePaused("a.1", "a"))
    world.post(happened.InstanceUnpaused("a.1", "a"))
    assert world.statuses() == {"a": "stopped"}
