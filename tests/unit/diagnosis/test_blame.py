"""Who is blamed: roots, paths and what is innocent, from histories of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devctl.diagnosis.why import diagnose
from devctl.paths import StackPaths
from tests import fakes
from tests.fakes import World
from tests.histories import happen, read_services
from tests.unit.diagnosis.test_why import Source


def after(services: str, *happenings: str, answers: dict[str, str] | None = None) -> Any:
    world = World(fakes.spec(*read_services(services).values()))
    for what in happenings:
        happen(world, what)
    return diagnose(Source(world, answers or {}), StackPaths(Path("/t")), (), world.clock)


def roots(view: Any) -> list[tuple[str, list[str]]]:
    return [(root["service"], [hop["service"] for hop in root["path"]]) for root in view["roots"]]


def test_the_path_leads_from_the_root_to_the_farthest_symptom() -> None:
    view = after("a, b(after a healthy), c(after b healthy)", "up", "a.1 started", "a.1 exits 3")
    assert roots(view) == [("a", ["a", "b", "c"])]
    assert view["state"] == "problem"


def test_two_independent_faults_are_two_roots() -> None:
    view = after("a, b, c(after a healthy), d(after b healthy)", "up", "a.1 started", "b.1 started", "a.1 exits 3",
                 "b.1 exits 4")  # fmt: skip
    assert sorted(service for service, _ in roots(view)) == ["a", "b"]


def test_a_start_that_goes_on_accuses_nobody() -> None:
    view = after("a, b(after a healthy)", "up", "a.1 started", "wait 2")
    assert view["roots"] == []
    assert view["state"] == "waiting"
    assert view["waiting"] == ["a", "b"]


def test_a_healthy_stack_says_since_when() -> None:
    view = after("a, b", "up", "a.1 started", "b.1 started", "a.1 ready", "b.1 ready", "wait 90")
    assert (view["state"], view["roots"]) == ("healthy", [])
    assert "since 1 min 30 s" in view["summary"]


def test_a_stack_that_never_ran_is_not_healthy() -> None:
    world = World()
    view = diagnose(Source(world, {}), StackPaths(Path("/t")), (), world.clock)
    assert view["state"] == "never-ran"


def test_an_optional_service_that_cannot_be_had_is_a_note() -> None:
    view = after("a, b(optional, only tools java)", "up", "a.1 started", "a.1 ready", "b missing")
    assert view["roots"] == []
    assert view["notes"] == ["b, which is optional, cannot be had here: native: no network"]


def test_every_hop_has_evidence() -> None:
    view = after("a, b(after a healthy), c(after b healthy)", "up", "a.1 started", "a.1 exits 3")
    assert all(hop["evidence"] for root in view["roots"] for hop in root["path"])


def test_what_answers_404_is_told_to_mend_its_check_and_not_to_restart() -> None:
    view = after("a", "up", "a.1 started", "wait 5", answers={"a.1": "404 Not Found"})
    (root,) = view["roots"]
    assert root["kind"] == "probe-path"
    assert "restart" not in root["next"]
