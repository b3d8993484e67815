"""Ctrl-C: raised at once, held back around what must not be cut in two, and remembered where Python drops it."""

import contextlib
import signal
from collections.abc import Iterator

import pytest

from devctl.cli.ctrl_c import Interrupts

LEAVING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    earlier = {number: signal.getsignal(number) for number in LEAVING}
    for number in LEAVING:
        signal.signal(number, signal.SIG_DFL)
    interrupts = Interrupts()
    interrupts.listen()
    yield interrupts
    for number, handler in earlier.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", LEAVING)
def test_what_asks_a_command_to_leave_is_raised_at_once(interrupts: Interrupts, number: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", LEAVING)
def test_what_the_caller_ignores_stays_ignored(interrupts: Interrupts, number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
    interrupts.listen()
    signal.raise_signal(number)
    interrupts.look()


def work(interrupts: Interrupts, done: list[str], *, fails: bool = False) -> None:
    with interrupts:
        signal.raise_signal(signal.SIGINT)
        done.append("whole")
        if fails:
            raise ValueError("broken")


def test_ctrl_c_is_held_back_until_the_work_is_whole(interrupts: Interrupts) -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        work(interrupts, done)
    assert done == ["whole"]


def test_what_fails_while_ctrl_c_is_held_back_is_told_first(interrupts: Interrupts) -> None:
    with pytest.raises(ValueError, match="broken"):
        work(interrupts, [], fails=True)


def test_a_ctrl_c_that_was_dropped_is_raised_once_at_the_next_look(interrupts: Interrupts) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupts.look()
    interrupts.look()
