"""Leaving a command that stays: each signal is raised once, none is lost, and an ignored one stays ignored."""

import contextlib
import signal
from collections.abc import Iterator

import pytest

from devctl.cli.leaving import LeaveSignals

SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    earlier = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGALRM)}
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in earlier.items():
        signal.signal(number, handler)


class Hangups:
    """Counts hangups."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.mark.parametrize(("number", "hangups"), [(signal.SIGINT, 0), (signal.SIGHUP, 1), (signal.SIGTERM, 1)])
def test_each_signal_ends_the_work(number: int, hangups: int) -> None:
    hangup = Hangups()
    with LeaveSignals(hangup) as signals, pytest.raises(KeyboardInterrupt), signals.raised():
        signal.raise_signal(number)
    assert hangup.count == hangups


def test_what_comes_between_two_stretches_of_work_ends_the_second_at_once() -> None:
    done: list[str] = []
    with LeaveSignals(Hangups()) as signals:
        signal.raise_signal(signal.SIGINT)
        done.append("in one piece")
        with pytest.raises(KeyboardInterrupt), signals.raised():
            done.append("not begun")
    assert done == ["in one piece"]


def test_a_terminal_that_closes_while_the_command_is_being_left_cuts_nothing_short() -> None:
    hangup = Hangups()
    with LeaveSignals(hangup) as signals:
        with pytest.raises(KeyboardInterrupt), signals.raised():
            signal.raise_signal(signal.SIGHUP)
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.raise_signal(number)
        with signals.raised():
            pass
    assert hangup.count == 1


def drop_and_wait() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    signal.pause()


def test_a_signal_that_python_dropped_is_raised_again() -> None:
    with LeaveSignals(Hangups()) as signals, pytest.raises(KeyboardInterrupt), signals.raised():
        drop_and_wait()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_the_caller_ignores_stays_ignored(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
    with LeaveSignals(Hangups()) as signals, signals.raised():
        signal.raise_signal(number)


def test_the_handlers_of_before_are_back_afterwards() -> None:
    with LeaveSignals(Hangups()):
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == [signal.default_int_handler] * 3
