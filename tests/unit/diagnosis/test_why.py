"""Why services are not good: the chain of causes and its sentences, from a snapshot as the session hands it over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from devctl.diagnosis.views import WhyView
from devctl.diagnosis.why import why
from devctl.paths import StackPaths
from devctl.session.protocol import SnapshotView
from devctl.views.snapshot import snapshot_view
from tests import fakes
from tests.fakes import World
from tests.histories import happen, read_services


class Source:
    """A session of one answer."""

    def __init__(self, world: World, answers: dict[str, str]) -> None:
        self._view = snapshot_view(world.loop.spec, world.loop.state, answers)

    def snapshot(self) -> SnapshotView:
        return self._view


def after(services: str, *happenings: str) -> World:
    world = World(fakes.spec(*read_services(services).values()))
    for what in happenings:
        happen(world, what)
    return world


def explain(world: World, *names: str, answers: dict[str, str] | None = None) -> list[WhyView]:
    return why(Source(world, answers or {}), StackPaths(Path("/t")), names, world.clock)


def test_a_chain_of_causes_ends_at_the_root_cause() -> None:
    world = after("a, b(after a healthy), c(after b healthy)", "up", "a.1 started", "a.1 exits 3")
    (view,) = explain(world, "c")
    assert [(cause["service"], cause["says"]) for cause in view["chain"]] == [
        ("c", "c waits for b (blocked)"),
        ("b", "b waits for a (failed)"),
        ("a", "a failed: ended with exit code 3 before it was healthy"),
    ]
    assert view["chain"][-1]["exit_code"] == 3
    assert "devctl up a" in view["chain"][-1]["next"]


def test_what_failed_is_the_cause_before_what_is_only_slow() -> None:
    world = after("slow, dead, c(after slow healthy, after dead healthy)", "up", "slow.1 started", "dead.1 started",
                 "dead.1 exits 1")  # fmt: skip
    (view,) = explain(world, "c")
    assert [cause["service"] for cause in view["chain"]] == ["c", "dead"]


def test_a_slow_start_tells_its_check_and_what_that_saw() -> None:
    world = after("a", "up", "a.1 started", "wait 12")
    (view,) = explain(world, answers={"a.1": "connection refused"})
    (cause,) = view["chain"]
    assert "GET / on port http" in cause["says"]
    assert "connection refused" in cause["says"]
    assert "12.0 s" in cause["says"]


def test_what_cannot_be_had_tells_its_cure() -> None:
    world = after("a(only tools java)", "up", "a missing")
    (view,) = explain(world)
    assert view["chain"][0]["says"] == "a cannot be had on this machine: native: no network"
    assert view["chain"][0]["next"] == "connect"


def test_everything_good_needs_no_words() -> None:
    world = after("a", "up", "a.1 started", "a.1 ready")
    assert explain(world) == []
    assert explain(world, "a")[0]["chain"] == []


def test_no_secret_of_the_stack_is_told() -> None:
    world = after("a", "up", "a.1 started", "wait 12")
    spec = world.loop.spec
    variant = replace(spec.services["a"].variants[0], environment={"DB_PASS": "hunter22"})
    service = replace(spec.services["a"], variants=(variant,))
    world.loop.spec = replace(spec, services={**spec.services, "a": service})
    answer = "401 of http://me:pa55@h/?token=t0ken, tried hunter22"
    told = str(explain(world, answers={"a.1": answer}))
    assert "401 of http://me:" in told
    assert not [secret for secret in ("pa55", "t0ken", "hunter22") if secret in told]
