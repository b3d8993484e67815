"""Where references of an instance lead, while others come and go."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from devctl.core.spec import Service
from devctl.paths import StackPaths
from devctl.record import store
from devctl.supervisor.launches import Launches
from tests import fakes
from tests.fakes import World


def _many(count: int) -> list[Service]:
    return [fakes.service(f"s{number}", check=False) for number in range(count)]


def _launches(world: World, folder: Path) -> Launches:
    return Launches(world.loop, store.create(StackPaths(folder)))


def _argv(launches: Launches, service: str) -> tuple[str, ...]:
    chosen = launches.chosen(service)
    assert chosen
    return launches.launch(chosen, f"{service}.1").argv


def test_a_reference_follows_the_service_that_it_names(tmp_path: Path) -> None:
    asking = fakes.service("a", check=False, argv=("run", "\0services.b.variant\0"))
    world = World(fakes.spec(asking, fakes.service("b", check=False)))
    world.up("a")
    launches = _launches(world, tmp_path)
    assert _argv(launches, "a") == ("run", "")
    world.up("b")
    assert _argv(launches, "a") == ("run", "process")


def test_a_new_definition_is_what_the_next_launch_is_made_from(tmp_path: Path) -> None:
    world = World(fakes.spec(fakes.service("a", check=False)))
    world.up()
    launches = _launches(world, tmp_path)
    assert _argv(launches, "a") == ("run",)
    service = world.loop.spec.services["a"]
    variants = tuple(replace(variant, argv=("walk",)) for variant in service.variants)
    world.loop.activate(fakes.spec(replace(service, variants=variants)))
    assert _argv(launches, "a") == ("walk",)


def test_a_launch_among_many_services_takes_no_more_steps_than_one_among_few(tmp_path: Path) -> None:
    few, many = (_steps(tmp_path / str(count), count) for count in (10, 200))
    assert many < 2 * few


def _steps(folder: Path, count: int) -> int:
    """Return how many functions are called for a launch after the state of one service has changed."""
    world = World(fakes.spec(*_many(count)))
    world.up()
    launches = _launches(world, folder)
    _argv(launches, "s0")
    world.started("s1.1")
    steps = 0

    def count_step(_frame: object, event: str, _value: object) -> None:
        nonlocal steps
        steps += event == "call"

    before = sys.getprofile()
    sys.setprofile(count_step)
    try:
        _argv(launches, "s0")
    finally:
        sys.setprofile(before)
    return steps
