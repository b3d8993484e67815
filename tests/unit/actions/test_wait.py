"""`wait` in any thread: it returns when services are good, and fails with the reason as soon as they cannot be."""

import threading
from pathlib import Path

import pytest

from devctl.actions.access import Selection, StackAccess
from devctl.actions.failures import WaitFailed
from devctl.actions.wait import wait_until_healthy
from devctl.core import events as happened
from devctl.errors import DevctlError, UsageError
from tests.unit.cli.fake_session import Door, FakeSession, service, stack


def access(folder: Path, session: FakeSession | None) -> StackAccess:
    return StackAccess(Selection(project_directory=str(folder)), {}, Door(session))  # type: ignore[arg-type]


def test_it_returns_once_everything_that_is_not_optional_is_good(tmp_path: Path) -> None:
    session = FakeSession(stack(service("order", "starting"), service("grafana", "starting", optional=True)))
    session.items = [{"services": [service("order", "completed")]}]
    wait_until_healthy(access(tmp_path, session))


def test_a_service_that_failed_for_good_ends_it_with_the_explanation(tmp_path: Path) -> None:
    session = FakeSession(stack(service("order", "failed"), service("cart", "starting")))
    session.world.post(happened.StartFailed("order.1", "order", "no such program"))
    with pytest.raises(WaitFailed, match="order will not become healthy") as raised:
        wait_until_healthy(access(tmp_path, session))
    (explanation,) = raised.value.explanations
    assert explanation["chain"][0]["says"] == "order failed: no such program"


def test_after_its_time_it_names_what_is_late_also_outside_of_the_main_thread(tmp_path: Path) -> None:
    session = FakeSession(stack(service("order"), service("cart", "starting")))
    session.hangs = True
    failures: list[DevctlError] = []

    def wait() -> None:
        try:
            wait_until_healthy(access(tmp_path, session), timeout_seconds=0.01)
        except DevctlError as failure:
            failures.append(failure)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(30)
    assert [failure.what for failure in failures] == ["not healthy after 10 ms: cart"]
    assert session.is_cancelled


def test_a_service_that_does_not_exist_is_a_usage_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no service 'ordr'"):
        wait_until_healthy(access(tmp_path, FakeSession()), ["ordr"])


def test_a_stack_that_is_stopped_meanwhile_is_told(tmp_path: Path) -> None:
    session = FakeSession(stack(service("order", "starting")))
    with pytest.raises(DevctlError, match="stopped meanwhile"):
        wait_until_healthy(access(tmp_path, session))


def test_where_nothing_runs_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    with pytest.raises(DevctlError, match="nothing runs here"):
        wait_until_healthy(access(tmp_path, None))
