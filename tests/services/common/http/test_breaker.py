"""Breakers and budgets, on a clock of the test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.http.breaker import Breaker, RetryBudget, State


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def failing(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_failures_in_a_row_open_it_and_one_success_between_does_not() -> None:
    breaker = Breaker(failures=3, now=Clock())
    failing(breaker, 2)
    breaker.succeeded()
    failing(breaker, 2)
    assert breaker.allows()
    breaker.failed()
    assert breaker.state is State.OPEN
    assert not breaker.allows()


@pytest.mark.parametrize(("answers", "then"), [(True, State.CLOSED), (False, State.OPEN)])
def test_after_the_pause_one_call_may_try_and_decides(answers: bool, then: State) -> None:
    clock = Clock()
    breaker = Breaker(failures=1, pause_seconds=2, now=clock)
    breaker.failed()
    clock.now = 3.0
    assert breaker.state is State.HALF_OPEN
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.succeeded() if answers else breaker.failed()
    assert breaker.state is then


@given(st.lists(st.sampled_from(["call", "retry", "wait"]), max_size=300))
def test_retries_stay_within_the_budget(steps: list[str]) -> None:
    clock = Clock()
    budget = RetryBudget(share=0.2, per_second=2, now=clock)
    calls = retries = 0
    for step in steps:
        if step == "call":
            calls += 1
            budget.called()
        elif step == "wait":
            clock.now += 0.1
        else:
            retries += budget.take()
    assert retries <= 10 + 0.2 * calls + 2 * clock.now + 1e-9
