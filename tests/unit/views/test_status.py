"""Views of a stack: the status of the whole of it, and the critical path of a start."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from devctl.core.spec import RELAY, Port
from devctl.supervisor.subscription import snapshot_of
from devctl.views.critical_path import critical_path
from devctl.views.snapshot import read_view, snapshot_view
from devctl.views.status import status_view
from tests import fakes
from tests.fakes import World
from tests.histories import happen, read_services


def after(services: str, *happenings: str) -> World:
    world = World(fakes.spec(*read_services(services).values()))
    for what in happenings:
        happen(world, what)
    return world


@pytest.mark.parametrize(
    ("services", "happenings", "overall"),
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
def test_a_whole_stack_has_one_status(services: str, happenings: list[str], overall: str) -> None:
    assert status_view(snapshot_of(after(services, *happenings).loop), "/t")["status"] == overall


def test_a_snapshot_that_went_through_json_leads_to_the_same_view() -> None:
    loop = after("a, b(after a healthy), g(optional)", "up", "a.1 started", "a.1 exits 3").loop
    again = read_view(json.loads(json.dumps(snapshot_view(loop.spec, loop.state, {}))))
    assert status_view(again, "/t") == status_view(snapshot_of(loop), "/t")


def test_the_critical_path_is_the_longest_chain_of_what_became_good() -> None:
    world = after("a, quick, b(after a healthy, after quick healthy)", "up", "a.1 started", "quick.1 started")
    since = world.clock.seconds
    for what in ("wait 1", "quick.1 ready", "wait 2", "a.1 ready", "b.1 started", "wait 0.5", "b.1 ready"):
        happen(world, what)
    path = critical_path(snapshot_of(world.loop), ["a", "b", "quick"], since)
    assert [(link["service"], link["seconds"]) for link in path] == [("a", 3.0), ("b", 0.5)]
    assert path[-1]["ready_seconds"] == 3.5


def test_who_waits_only_for_a_start_is_not_behind_what_follows_it() -> None:
    world = after("a, b(after a started), c(after b healthy)", "up", "a.1 started", "b.1 started")
    since = world.clock.seconds
    for what in ("wait 2", "b.1 ready", "c.1 started", "wait 1", "a.1 ready", "c.1 ready"):
        happen(world, what)
    path = critical_path(snapshot_of(world.loop), ["a", "b", "c"], since)
    assert [(link["service"], link["seconds"]) for link in path] in ([("b", 2.0), ("c", 1.0)], [("a", 3.0)])
    assert path[-1]["ready_seconds"] == 3.0


def test_what_had_to_be_fetched_first_is_a_link_of_the_critical_path() -> None:
    world = after("a(tools java), b(after a healthy)", "up")
    since = world.clock.seconds
    for what in ("wait 4", "a fetched", "a.1 started", "wait 1", "a.1 ready", "b.1 started", "wait 2", "b.1 ready"):
        happen(world, what)
    path = critical_path(snapshot_of(world.loop), ["a", "b"], since)
    assert [(link["step"], link["service"], link["seconds"]) for link in path] == [
        ("fetch", "a", 4.0), ("start", "a", 1.0), ("start", "b", 2.0),
    ]  # fmt: skip


def test_what_was_stopped_first_is_a_link_of_a_restart() -> None:
    world = after("a, b(after a healthy)", "up", "a.1 started", "a.1 ready", "b.1 started", "b.1 ready", "wait 9")
    since = world.clock.seconds
    for what in ("restart-with-dependents a", "wait 2", "b.1 stopped", "wait 3", "a.1 stopped", "a.1 started", "wait 1",
                 "a.1 ready", "b.1 started", "wait 1", "b.1 ready"):  # fmt: skip
        happen(world, what)
    path = critical_path(snapshot_of(world.loop), ["a", "b"], since)
    assert [(link["step"], link["service"], link["seconds"]) for link in path] == [
        ("stop", "b", 2.0), ("stop", "a", 3.0), ("start", "a", 1.0), ("start", "b", 1.0),
    ]  # fmt: skip


def test_a_fetch_that_took_less_than_what_was_waited_for_is_no_link() -> None:
    world = after("a, b(tools java, after a healthy)", "up", "a.1 started")
    since = world.clock.seconds
    for what in ("wait 1", "b fetched", "wait 2", "a.1 ready", "b.1 started", "wait 1", "b.1 ready"):
        happen(world, what)
    path = critical_path(snapshot_of(world.loop), ["a", "b"], since)
    assert [(link["step"], link["service"]) for link in path] == [("start", "a"), ("start", "b")]


def test_a_reason_tells_no_secret() -> None:
    world = after("a", "up", "a.1 started", "a.1 ready", "a.1 unready")
    snapshot = snapshot_of(world.loop)
    service = snapshot.state.services["a"]
    instance = replace(service.instances["a.1"], reason="GET /?token=t0ken failed")
    state = replace(snapshot.state, services={"a": replace(service, instances={"a.1": instance})})
    view = status_view(replace(snapshot, state=state), "/t")
    assert "t0ken" not in json.dumps(view)
    assert view["services"][0]["instances"][0]["reason"].startswith("GET /?token=*")


def test_why_a_variant_runs_that_was_kept_with_its_data_is_told() -> None:
    world = after("a", "up", "a.1 started", "a.1 ready")
    snapshot = snapshot_of(world.loop)
    spec = replace(
        snapshot.spec, services={"a": replace(snapshot.spec.services["a"], kept="process, kept with its data")}
    )
    assert (
        status_view(replace(snapshot, spec=spec), "/t")["services"][0]["why_variant"] == "process, kept with its data"
    )


def test_a_service_that_devctl_adds_has_no_page() -> None:
    world = World(fakes.spec(*(replace(fakes.service(name), ports=(Port("http"),)) for name in ("web", RELAY))))
    happen(world, "up")
    snapshot = snapshot_of(world.loop)
    snapshot = replace(snapshot, state=replace(snapshot.state, ports={"web.1": {"http": 81}, "relay.1": {"http": 82}}))
    views = status_view(snapshot, "/t")["services"]
    assert {view["name"]: view["page"] for view in views} == {"web": "http://127.0.0.1:81/", "relay": ""}
