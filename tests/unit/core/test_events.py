"""Events and specifications survive their JSON form; what is damaged is no event."""

import json
from dataclasses import replace

import pytest

from devctl.core import events as happened
from devctl.core.checks import HttpCheck
from devctl.core.events import Event
from devctl.core.faults import Fault, FaultKind, Stream
from devctl.core.spec import (
    Dependency,
    Exporter,
    FailureAction,
    File,
    MissingVariant,
    Port,
    Spec,
    Watch,
    from_json,
    to_json,
)
from devctl.core.state import Instance, ServiceState, State
from devctl.core.status import Condition
from devctl.core.transitions import apply
from tests import fakes

GOAL = happened.Goal(
    "a", desired_up=True, options=(happened.Option("process", "d"),), missing=(MissingVariant("native", "no"),)
)
EVENTS: list[Event] = [
    happened.StateKept({"run": "r"}),
    happened.RunBegan("r", "s", "b"),
    happened.RunEnded(),
    happened.SupervisorBegan(1, 2),
    happened.Planned((GOAL,)),
    happened.PortsAllocated({"a.1": {"http": 1}}),
    happened.FetchBegan("a", "native", ("java",)),
    happened.ToolsReady("a", "native", {"java": "/j"}),
    happened.VariantMissing("a", "native", "no"),
    happened.InstanceStarting("a.1", "a"),
    happened.InstanceStarted("a.1", "a", 1, 2, 3, checked=True),
    happened.StartFailed("a.1", "a", "no such file"),
    happened.InstanceReady("a.1", "a"),
    happened.InstanceUnready("a.1", "a", "503"),
    happened.InstanceExited("a.1", "a", 1, None, happened.Verdict.RESTART, "why", 1.5),
    happened.InstanceStopping("a.1", "a", "asked for"),
    happened.InstanceStopped("a.1", "a", 0, (7,)),
    happened.InstanceSignalled("a.1", "a", "SIGKILL"),
    happened.InstancePaused("a.1", "a"),
    happened.InstanceUnpaused("a.1", "a"),
    happened.FilesWatched(),
    happened.FilesChanged("a", "/a.py"),
    happened.Notice("the disk is full"),
    happened.LivenessFailed("a.1", "a", "503"),
    happened.RolloutFailed("a", "a.2: ended with exit code 1", FailureAction.PAUSE),
    happened.FaultAdded("a", Fault("a_latency_1", "a", FaultKind.LATENCY, 200, stream=Stream.UPSTREAM, seed=1)),
    happened.FaultEnded("a", "a_latency_1", "asked for"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_survives_its_json_form(event: Event) -> None:
    stamped = replace(event, at_ns=5, monotonic=1.25)
    assert happened.from_json(json.loads(json.dumps(happened.to_json(stamped)))) == stamped


def test_every_kind_of_event_is_tried_here() -> None:
    assert {type(event) for event in EVENTS} == set(happened.KINDS.values())


@pytest.mark.parametrize(
    "body", [{}, {"type": "unheard_of"}, {"type": "instance_ready"}, {"type": "run_ended", "x": 1}]
)
def test_what_this_version_does_not_know_is_no_event(body: dict[str, object]) -> None:
    assert happened.from_json(body) is None


def test_events_about_what_is_unknown_change_nothing_but_the_count() -> None:
    state = State()
    for event in EVENTS[6:17]:
        assert apply(state, event) == replace(state, count=1)


def test_a_state_survives_its_json_form() -> None:
    state = State()
    for event in EVENTS:
        state = apply(state, event)
    assert state.services["a"].instances
    assert from_json(State, json.loads(json.dumps(to_json(state)))) == state


def test_a_specification_survives_its_json_form() -> None:
    check = HttpCheck(port="http", status=(200, 204), headers={"a": "b"})
    full = replace(
        fakes.service("a"),
        ports=(Port("http", 80, inherited=True),),
        depends_on=(Dependency("b", Condition.COMPLETED, required=False, restart=True),),
        watch=(Watch("/src", ("*.log",), dependents=True),),
        missing=(MissingVariant("native", "no", "cure"),),
    )
    variant = replace(full.variants[0], check=check, files=(File("/f", "x", live=True),), tools=("java",))
    spec = replace(
        fakes.spec(replace(full, variants=(variant,)), fakes.service("b", check=False)),
        exporters=(Exporter("x", "otlp", "http://x", {"k": "v"}),),
        tools={"java": "/j"},
    )
    assert from_json(Spec, json.loads(json.dumps(to_json(spec)))) == spec


def test_what_is_on_disk_keeps_its_keys_whatever_the_code_calls_them() -> None:
    planned = happened.to_json(happened.Planned((GOAL,)))["goals"][0]
    assert {"up", "fresh", "gone", "missing"} <= set(planned)
    assert set(planned["missing"][0]) == {"variant", "reason", "cure"}
    exited = happened.to_json(happened.InstanceExited("a.1", "a", 1, 0, happened.Verdict.RESTART, "", requested=True))
    assert exited["asked"] is True
    assert happened.to_json(happened.Notice("a full disk"))["type"] == "noticed"
    state = to_json(State(services={"a": ServiceState("a", instances={"a.1": Instance("a.1", "a", 1)})}))
    assert {"up", "gone", "proven"} <= set(state["services"]["a"])
    assert {"streak", "cure"} <= set(state["services"]["a"]["instances"]["a.1"])
