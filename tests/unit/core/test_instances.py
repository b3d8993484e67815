"""What is asked of one instance of a service works on that instance alone, and the service counts by the others."""

from __future__ import annotations

import pytest

from devctl.core.selection import select, split
from devctl.core.spec import Dependency
from devctl.core.status import Condition
from devctl.errors import UsageError
from tests import fakes
from tests.fakes import World


def running(*, replicas: int = 2) -> World:
    """Return a world with `api`, whose instances are healthy, and `web`, which waits for it."""
    after_api = (Dependency("api", Condition.HEALTHY),)
    world = World(fakes.spec(fakes.service("api", replicas=replicas), fakes.service("web", depends_on=after_api)))
    world.up()
    for number in range(1, replicas + 1):
        world.started(f"api.{number}")
        world.ready(f"api.{number}")
    world.started("web.1")
    world.ready("web.1")
    world.ordered()
    return world


def stopped_alone(*, replicas: int = 2) -> World:
    world = running(replicas=replicas)
    world.stop("api.2")
    assert world.ordered() == ["stop api.2"]
    world.stopped("api.2")
    return world


def reason(world: World, name: str) -> str:
    return world.loop.statuses[name].reason


def test_one_instance_is_stopped_and_the_service_stays_healthy_without_it() -> None:
    world = stopped_alone()
    assert world.ordered() == []
    assert world.statuses() == {"api": "healthy", "web": "healthy"}
    assert reason(world, "api") == "without api.2, stopped by request"


def test_a_service_is_not_at_rest_while_its_instance_stops() -> None:
    world = running()
    world.stop("api.2")
    assert world.statuses()["api"] == "stopping"


def test_the_last_instance_stops_the_service() -> None:
    world = stopped_alone()
    world.stop("api.1")
    assert world.ordered() == ["stop api.1"]
    world.stopped("api.1")
    assert world.statuses()["api"] == "stopped"
    world.up("api")
    assert world.ordered() == ["start api.1", "start api.2"]


def test_an_instance_that_was_stopped_alone_is_started_alone() -> None:
    world = stopped_alone()
    world.up("api.2")
    assert world.ordered() == ["start api.2"]


def test_of_a_stopped_service_only_the_instance_that_is_meant_starts() -> None:
    world = running()
    world.stop("api")
    world.stopped("api.1")
    world.stopped("api.2")
    world.ordered()
    world.up("api.2")
    assert world.ordered() == ["start api.2"]
    world.started("api.2")
    world.ready("api.2")
    assert world.statuses()["api"] == "healthy"
    assert reason(world, "api") == "without api.1, stopped by request"


def test_one_instance_is_restarted_and_the_other_keeps_running() -> None:
    world = running()
    world.restart("api.2")
    assert world.ordered() == ["stop api.2"]
    world.stopped("api.2")
    assert world.ordered() == ["start api.2"]
    world.started("api.2")
    world.ready("api.2")
    assert world.ordered() == []
    assert reason(world, "api") == ""


@pytest.mark.parametrize("names", [(), ("api",)])
def test_up_brings_back_what_was_stopped_alone(names: tuple[str, ...]) -> None:
    world = stopped_alone()
    world.up(*names)
    assert world.ordered() == ["start api.2"]


@pytest.mark.parametrize("all_at_once", [False, True])
def test_it_stays_stopped_when_its_service_is_restarted_with_what_it_depends_on(all_at_once: bool) -> None:
    after_db = (Dependency("db", Condition.HEALTHY),)
    world = World(fakes.spec(fakes.service("db"), fakes.service("api", replicas=3, depends_on=after_db)))
    world.up()
    for instance in ("db.1", "api.1", "api.2", "api.3"):
        world.started(instance)
        world.ready(instance)
    world.stop("api.2")
    world.stopped("api.2")
    world.ordered()
    world.restart("db", with_dependents=True, all_at_once=all_at_once)
    done: list[str] = []
    while steps := world.ordered():
        done += steps
        for step in steps:
            act, instance = step.split()
            if act == "stop":
                world.stopped(instance)
            else:
                world.started(instance)
                world.ready(instance)
    assert sorted(done) == sorted(f"{act} {i}" for act in ("stop", "start") for i in ("db.1", "api.1", "api.3"))
    state = world.loop.state.services["api"]
    assert (world.statuses()["api"], state.rollout, list(state.instances)) == (
        "healthy", None, ["api.1", "api.2", "api.3"]
    )  # fmt: skip


def test_a_restart_of_the_service_brings_it_back() -> None:
    world = stopped_alone()
    world.restart("api", all_at_once=True)
    assert sorted(world.ordered()) == ["start api.2", "stop api.1"]


def test_who_waits_for_the_service_does_not_wait_for_what_was_stopped_alone() -> None:
    world = stopped_alone()
    world.restart("web")
    assert world.ordered() == ["stop web.1"]
    world.stopped("web.1")
    assert world.ordered() == ["start web.1"]


def test_a_new_supervisor_knows_what_was_stopped_alone() -> None:
    from tests.unit.supervisor.test_state_machine import replay

    world = stopped_alone()
    assert replay(world.event_log).services["api"].instances["api.2"].is_held


@pytest.mark.parametrize("act", ["stop", "restart", "up"])
def test_an_instance_that_there_is_not_is_refused_with_those_that_there_are(act: str) -> None:
    world = running()
    with pytest.raises(UsageError, match=r"there is no instance 'api\.9'") as refusal:
        getattr(world, act)("api.9")
    assert refusal.value.next == "There are api.1 and api.2."


def test_a_service_that_is_named_with_one_of_its_instances_is_meant_whole() -> None:
    assert select(running().loop.state, ["api.2", "api"]) == {"api": ()}
    assert select(running().loop.state, ["api", "api.2"]) == {"api": ()}


@pytest.mark.parametrize("name", ["api", "api.", ".1", "api.x", "api.²", ""])
def test_only_a_service_with_a_number_behind_it_is_an_instance(name: str) -> None:
    assert split(name) == (name, False)


def test_an_instance_of_a_service_that_stops_already_is_not_held_beside_it() -> None:
    world = running()
    world.stop("api")
    world.stop("api.2")
    assert not any(instance.is_held for instance in world.loop.state.services["api"].instances.values())
