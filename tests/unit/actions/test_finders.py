"""Where an answer can be had; and where it cannot, what to do."""

from pathlib import Path
from typing import Any

import pytest

from devctl.actions.finders import find_broker, find_launch, find_prometheus, open_spans
from devctl.errors import DevctlError, EnvironmentProblem, UsageError
from devctl.record.store import Run
from tests.unit.cli.fake_session import FakeSession, service, stack


def session(*services: dict[str, Any]) -> Any:
    return FakeSession(stack(*services))


def prometheus(status: str, **more: Any) -> dict[str, Any]:
    return service("metrics", status, provides={"promql": "query"}, ports={"query": "127.0.0.1:9090"}, **more)


def test_the_stack_s_prometheus_is_found_whatever_its_service_is_called() -> None:
    assert find_prometheus(session(service("web"), prometheus("healthy"))).url == "http://127.0.0.1:9090"


def test_whoever_speaks_kafka_s_protocol_is_the_broker() -> None:
    other = service("panda", provides={"kafka": "external"}, ports={"admin": "127.0.0.1:1", "external": "127.0.0.1:2"})
    assert find_broker(session(service("web"), other))._address == "127.0.0.1:2"


def test_a_prometheus_that_does_not_run_says_why_and_what_to_do() -> None:
    with pytest.raises(UsageError, match="Prometheus is unavailable: no network") as raised:
        find_prometheus(session(prometheus("unavailable", reason="no network", cure="Go online.")))
    assert raised.value.next == "Go online."


@pytest.mark.parametrize(("find", "product"), [(find_prometheus, "prometheus"), (find_broker, "kafka")])
def test_a_stack_that_has_none_says_how_to_add_it(find: Any, product: str) -> None:
    with pytest.raises(UsageError) as raised:
        find(session(service("web")))
    assert f"uses: {product}" in raised.value.next


def test_a_launch_is_found_by_service_and_by_instance() -> None:
    running = session()
    running.launches = [{"instance": "order.1", "argv": ["a"]}, {"instance": "order.2", "argv": ["b"]}]
    assert find_launch(running, "order")["argv"] == ["a"]
    assert find_launch(running, "order.2")["argv"] == ["b"]
    with pytest.raises(UsageError, match=r"no instance 'order\.3'"):
        find_launch(running, "order.3")


def test_a_service_that_is_unavailable_has_no_launch_and_says_why() -> None:
    with pytest.raises(EnvironmentProblem, match="web is unavailable: needs a container"):
        find_launch(session(service("web", "unavailable", reason="needs a container")), "web")


def test_a_run_without_spans_says_where_they_come_from(tmp_path: Path) -> None:
    with pytest.raises(DevctlError, match="this run has no spans") as raised:
        open_spans(Run(tmp_path))
    assert "hub" in raised.value.next
