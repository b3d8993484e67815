"""The end of a start: its critical path is right, or left out."""

from typing import Any

from devctl.render import summary
from tests.unit.cli.fake_session import Screen, service, settled, stack

PATH = [{"service": "a", "step": "start", "seconds": 2.0, "ready_seconds": 2.0}]


def told(*services: dict[str, Any], **more: Any) -> str:
    ended = settled(critical_path=PATH, seconds=2.5, **more)
    return "\n".join(summary.messages(stack(*services), ended, Screen()))  # type: ignore[arg-type]


def test_the_ratio_to_the_longest_chain_is_told() -> None:
    assert told(service("a")) == "Started in 2.50 s, 1.25 × the longest chain: a 2.00 s."


def test_no_ratio_is_told_while_something_that_is_in_no_chain_was_waited_for() -> None:
    slow = service("slow", "failed", optional=True)
    assert "×" not in told(service("a"), slow)
    assert "Started in 2.50 s: a 2.00 s." in told(service("a"), slow)


def test_no_chain_is_longer_than_the_start() -> None:
    ended = settled(critical_path=[{**PATH[0], "seconds": 3.0}], seconds=2.5)
    assert "×" not in "".join(summary.messages(stack(service("a")), ended, Screen()))  # type: ignore[arg-type]


def test_the_relay_is_not_among_what_can_be_reached() -> None:
    ports = {"http": "127.0.0.1:8000"}
    view = stack(service("relay", ports=ports), service("a", ports=ports))
    (_head, row) = summary.results(view, Screen())  # type: ignore[arg-type]
    assert row.split()[:2] == ["a", "http://127.0.0.1:8000"]


def test_a_start_that_failed_has_no_critical_path() -> None:
    assert told(service("a", "failed"), healthy=False) == ""
