"""The loop, by epoll and by the selectors of other systems."""

import socket
import time

import pytest

from devctl.relay.poll import READ, WRITE, Poller


@pytest.fixture(params=[False, True], ids=["epoll", "portable"])
def poller(request: pytest.FixtureRequest) -> Poller:
    return Poller(portable=request.param)


def test_a_handler_is_called_when_there_is_something_to_read(poller: Poller) -> None:
    here, there = socket.socketpair()
    with here, there:
        seen: list[int] = []
        poller.watch(here.fileno(), READ, seen.append)
        there.send(b"x")
        poller.turn()
        assert seen == [READ]


def test_a_handler_is_told_of_both_wishes(poller: Poller) -> None:
    here, there = socket.socketpair()
    with here, there:
        seen: list[int] = []
        poller.watch(here.fileno(), READ | WRITE, seen.append)
        there.send(b"x")
        poller.turn()
        assert seen == [READ | WRITE]


def test_a_timer_that_fails_costs_the_others_nothing(poller: Poller) -> None:
    rung: list[str] = []
    poller.after(0.0, lambda: rung.append("first") or 1 / 0)  # type: ignore[func-returns-value]
    poller.after(0.0, lambda: rung.append("second"))
    poller.turn()
    assert rung == ["first", "second"]


def test_nothing_is_told_of_what_is_forgotten_or_paused(poller: Poller) -> None:
    here, there = socket.socketpair()
    other, one_more = socket.socketpair()
    with here, there, other, one_more:
        seen: list[int] = []
        poller.watch(here.fileno(), READ, seen.append)
        poller.watch(other.fileno(), READ, seen.append)
        poller.watch(here.fileno(), 0, seen.append)
        poller.forget(other.fileno())
        there.send(b"x")
        one_more.send(b"x")
        poller.after(0.01, lambda: None)
        poller.turn()
        assert seen == []
        poller.watch(here.fileno(), READ, seen.append)
        poller.turn()
        assert seen == [READ]


def test_timers_ring_in_order_unless_cancelled(poller: Poller) -> None:
    rung: list[str] = []
    now = time.monotonic()
    poller.at(now + 0.002, lambda: rung.append("second"))
    poller.at(now + 0.001, lambda: rung.append("first"))
    poller.at(now + 0.001, lambda: rung.append("never")).cancel()
    while len(rung) < 2:
        poller.turn()
    assert rung == ["first", "second"]


def test_a_mistake_of_one_handler_leaves_the_others_alone(poller: Poller, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: int) -> None:
        raise ValueError("mistaken")

    (here, there), (other, one_more) = socket.socketpair(), socket.socketpair()
    with here, there, other, one_more:
        seen: list[int] = []
        poller.watch(here.fileno(), READ, fail)
        poller.watch(other.fileno(), READ, seen.append)
        there.send(b"x")
        one_more.send(b"x")
        poller.turn()
        assert seen == [READ]
    assert "mistaken" in capsys.readouterr().err
