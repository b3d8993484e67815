"""Plans as text: what a request would do, and why."""

from dataclasses import replace

import pytest

from devctl.core import events as happened
from devctl.core.faults import Fault, FaultKind
from devctl.core.plan import Up, merge_specs, plan_restart, plan_stop, plan_up
from devctl.core.spec import MissingVariant, Service, Spec
from devctl.core.state import State
from devctl.core.transitions import apply
from devctl.errors import UsageError
from tests import fakes
from tests.fakes import World
from tests.histories import read_services


def spec(text: str) -> Spec:
    return fakes.spec(*read_services(text).values())


def running(text: str) -> World:
    """Return a world in which everything is up and good."""
    world = World(spec(text))
    world.up()
    while steps := world.ordered():
        for step in steps:
            instance = step.split()[1]
            world.started(instance)
            world.ready(instance)
    return world


def text(of: Spec, state: State, *names: str, force: bool = False) -> str:
    return plan_up(of, state, Up(names, force=force)).text


def test_a_first_up_starts_everything_in_order_with_its_reasons() -> None:
    assert text(spec("b(after a healthy), a, g(tools java)"), State()) == (
        "start   a: asked for\nstart   b, after a: asked for\nfetch   g (java): its program\nstart   g: asked for"
    )


def test_what_is_needed_says_by_whom() -> None:
    assert text(spec("a, b(after a healthy), c"), State(), "b") == (
        "start   a: needed by b\nstart   b, after a: asked for"
    )


def test_whoever_is_started_alone_has_the_hub_beside_it() -> None:
    assert text(spec("a, b, hub"), State(), "b") == ("start   b: asked for\nstart   hub: takes in the telemetry of all")


def test_the_relay_comes_with_whom_it_serves_and_with_nobody_else() -> None:
    stack = spec("a(front), b, relay")

    assert text(stack, State(), "a") == "start   a: asked for\nstart   relay: holds the shared ports"
    assert text(stack, State(), "b") == "start   b: asked for"


def test_a_service_that_is_gone_leaves_neither_ports_nor_faults() -> None:
    world = running("a(front), b")
    ports = {"a": {"http": 1}, "a.1": {"http": 2}, "b.1": {"http": 3}}
    fault = Fault("a_down_1", "a", FaultKind.DOWN)
    state = replace(world.loop.state, ports=ports, faults={fault.name: fault})

    left = apply(state, happened.Planned(plan_up(spec("b"), state, Up()).goals))
    assert left.ports == ports, "it still runs"
    left = apply(left, happened.InstanceStopped("a.1", "a", 0))

    assert left.ports == {"b.1": {"http": 3}}
    assert left.faults == {}


def test_nothing_changed_means_nothing_to_do() -> None:
    world = running("a, b(after a healthy)")
    assert text(world.spec, world.loop.state) == "nothing to do"


def test_an_edit_says_what_changed_and_who_follows() -> None:
    world = running("a, b(after a healthy), c, gone")
    assert text(spec("a(runs other), b(after a healthy), c, new"), world.loop.state) == (
        "stop    gone: no longer in the manifest\n"
        "restart a: its definition changed\n"
        "restart b, after a: a, which it depends on, changed\n"
        "start   new: asked for"
    )


def test_force_restarts_what_was_named() -> None:
    world = running("a, b(after a healthy)")
    assert text(world.spec, world.loop.state, "a", force=True) == "restart a: forced"


def test_what_cannot_be_had_is_skipped_with_its_reason() -> None:
    missing = Service("k", missing=(MissingVariant("native", "java is missing", "install java"),))
    assert text(fakes.spec(missing), State()) == "skip    k: cannot be had: java is missing"


def test_a_stop_and_a_restart_touch_what_they_name() -> None:
    world = running("a, b(after a healthy)")
    state = world.loop.state
    assert plan_stop(state, ["a"]).text == "stop    a: asked for"
    assert plan_restart(world.spec, state, ["a"], with_dependents=False).text == "restart a: asked for"
    assert plan_restart(world.spec, state, ["a"], with_dependents=True).text == (
        "restart a: asked for\nrestart b, after a: depends on a"
    )


def test_a_wrong_name_is_answered_with_the_nearest_right_one() -> None:
    with pytest.raises(UsageError) as refused:
        text(spec("gateway, catalog"), State(), "gatway")
    assert refused.value.next == "Did you mean 'gateway'?"


def test_an_up_of_some_keeps_the_old_definition_of_the_others() -> None:
    world = running("a, b, c")
    new = spec("a(runs other), b(runs other)")
    merged = merge_specs(new, world.loop.spec, world.loop.state, ("a",))
    assert merged.services["a"] == new.services["a"]
    assert merged.services["b"] == world.spec.services["b"]
    assert "c" in merged.services, "what still runs stays known"
