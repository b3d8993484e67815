"""`up` as every front end calls it: it loads while the supervisor starts, gives up when it must, and says why."""

from pathlib import Path
from typing import Any

import pytest

from devctl.actions import up
from devctl.actions.access import Selection, StackAccess
from devctl.actions.failures import StartFailed
from devctl.actions.up import Startup, UpOptions
from devctl.core import events as happened
from devctl.errors import DevctlError
from tests.unit.actions.recording_display import RecordingDisplay
from tests.unit.cli.fake_session import FakeSession, service, settled, stack

MANIFEST = "name: shop\nservices:\n  order: {command: sleep 1}\n  cart: {command: sleep 1}\n"
BEGAN = {"accepted": {"run": "r", "began": True, "steps": []}}
JOINED = {"accepted": {"run": "r", "began": False, "steps": []}}


class Prepared:
    """A supervisor on its way, which leads to a session."""

    def __init__(self, session: FakeSession) -> None:
        self.session = session
        self.is_cancelled = False

    def connect(self) -> FakeSession:
        return self.session

    def cancel(self) -> None:
        self.is_cancelled = True


class Sessions:
    """Leads to one session, whether it runs already or is begun."""

    def __init__(self, session: FakeSession) -> None:
        self.prepared = Prepared(session)
        self.folders: list[Any] = []

    def connect(self, paths: Any) -> Any:
        return self.prepared.session

    def prepare(self, paths: Any, *, start: bool = False) -> Any:
        self.folders.append(paths)
        return self.prepared


class Scene:
    """A stack in a folder, its fake session, and a display."""

    def __init__(self, folder: Path) -> None:
        (folder / "stack.yaml").write_text(MANIFEST)
        self.session = FakeSession()
        self.sessions = Sessions(self.session)
        self.display = RecordingDisplay()
        self.stack = StackAccess(Selection(project_directory=str(folder)), {}, self.sessions)  # type: ignore[arg-type]

    def prepare(self, **options: Any) -> Startup:
        return up.prepare(self.stack, UpOptions(**options), self.display)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_start_that_goes_well_is_shown_and_its_result_says_where_everything_is(scene: Scene) -> None:
    scene.session.items = [BEGAN, {"services": [service("order")]}]
    startup = scene.prepare()
    assert startup.run(give_up=True)["healthy"]
    assert scene.display.items == scene.session.items
    assert scene.display.ends == [scene.session.result]
    assert [view["name"] for view in startup.result().status["services"]] == ["order", "cart"]
    assert startup.result().explanations == ()


def test_with_give_up_a_service_that_failed_for_good_ends_the_start_with_its_explanation(scene: Scene) -> None:
    scene.session.world.post(happened.StartFailed("order.1", "order", "no such program"))
    scene.session.items = [BEGAN, {"services": [service("order", "failed")]}, {"services": [service("cart")]}]
    with pytest.raises(StartFailed, match="order failed to start") as raised:
        scene.prepare().run(give_up=True)
    (explanation,) = raised.value.explanations
    assert explanation["chain"][0]["says"] == "order failed: no such program"
    assert len(scene.display.items) == 2


def test_without_give_up_the_start_goes_on_after_a_failure(scene: Scene) -> None:
    scene.session.items = [BEGAN, {"services": [service("order", "failed")]}, {"services": [service("cart")]}]
    scene.session.result = settled(healthy=False)
    assert not scene.prepare().run()["healthy"]
    assert len(scene.display.items) == 3


def test_what_is_optional_and_failed_is_no_reason_to_give_up(scene: Scene) -> None:
    scene.session.items = [BEGAN, {"services": [service("grafana", "failed", optional=True)]}]
    assert scene.prepare().run(give_up=True)["healthy"]


def test_when_the_time_is_over_those_that_are_late_are_explained_and_the_start_is_left_to_itself(scene: Scene) -> None:
    scene.session.view = stack(service("order"), service("cart", "starting"))
    scene.session.hangs = True
    with pytest.raises(StartFailed, match="not healthy after 10 ms") as raised:
        scene.prepare(wait_timeout_seconds=0.01).run(give_up=True)
    assert scene.session.is_cancelled
    assert [explanation["service"] for explanation in raised.value.explanations] == ["cart"]
    assert not scene.display.is_open


@pytest.mark.parametrize(("accepted", "owns"), [(BEGAN, True), (JOINED, False)])
def test_a_start_owns_the_run_that_it_began_and_not_the_one_it_joined(scene: Scene, accepted: Any, owns: bool) -> None:
    scene.session.items = [accepted]
    startup = scene.prepare()
    startup.run()
    assert startup.owns_run is owns


@pytest.mark.parametrize(("run", "starter", "owns"), [("", "", True), ("r", "me", True), ("r", "somebody else", False)])
def test_a_start_that_is_left_before_its_answer_owns_the_run_unless_another_one_began_it(
    scene: Scene, run: str, starter: str, owns: bool
) -> None:
    scene.session.greeting = {"version": 1, "devctl": "", "pid": 1, "run": run, "starter": starter}
    assert scene.prepare().hang_up() is owns


def test_a_manifest_that_is_refused_cancels_the_supervisor_that_was_on_its_way(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("services: 3\n")
    with pytest.raises(DevctlError):
        scene.prepare()
    assert scene.sessions.prepared.is_cancelled


def test_an_interrupt_that_came_while_the_supervisor_was_begun_cancels_it(scene: Scene) -> None:
    class Pressed:
        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            raise KeyboardInterrupt

        def look(self) -> None:
            pass

    with pytest.raises(KeyboardInterrupt):
        up.prepare(scene.stack, UpOptions(), scene.display, Pressed())
    assert scene.sessions.prepared.is_cancelled


def test_warnings_of_the_manifest_reach_the_display(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(MANIFEST + "  web: {command: 'echo ${NOWHERE}'}\n")
    scene.prepare()
    assert "NOWHERE" in " ".join(scene.display.warnings)


def test_an_isolated_copy_has_a_name_of_its_own_and_leaves_the_stack_that_was_meant_alone(scene: Scene) -> None:
    startup = scene.prepare(isolated=True)
    assert startup.stack.selection.project_name == "isolated"
    assert scene.sessions.folders == [startup.stack.paths]
    assert scene.stack.selection.project_name == ""


def test_a_plan_is_made_by_the_running_stack_and_starts_nothing(scene: Scene) -> None:
    assert up.plan(scene.stack, UpOptions(services=["order"], no_deps=True), scene.display) == []
    assert scene.session.calls == [("plan", {"names": ["order"], "force": False, "no_deps": True})]
    assert scene.sessions.folders == []
