"""How many answers it takes to change a check's mind."""

from __future__ import annotations

from devctl.embedded.consul.probes import CRITICAL, PASSING, WARNING, Check, Judge


def test_one_answer_is_enough_unless_more_are_asked_for() -> None:
    judge = Judge(Check("tcp"), CRITICAL)
    assert [judge.judge(answer) for answer in (PASSING, CRITICAL, WARNING)] == [PASSING, CRITICAL, WARNING]


def test_a_check_turns_only_after_so_many_in_a_row() -> None:
    judge = Judge(
        Check("tcp", successes_before_passing=1, failures_before_warning=1, failures_before_critical=2), CRITICAL
    )
    answers = (PASSING, PASSING, CRITICAL, CRITICAL, CRITICAL, PASSING, CRITICAL)
    assert [judge.judge(answer) for answer in answers] == [
        *(CRITICAL, PASSING),
        *(PASSING, WARNING, CRITICAL),
        *(CRITICAL, CRITICAL),
    ]
