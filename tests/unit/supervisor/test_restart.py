"""What is decided about an instance that ended: a policy that a person wrote holds from the first start on."""

from __future__ import annotations

import pytest

from devctl.core.events import Verdict
from devctl.core.spec import RestartCondition, RestartPolicy, Service
from devctl.core.state import Instance, ServiceState
from devctl.supervisor.restart import Ended, RestartDecision, decide_restart

ALWAYS, ON_FAILURE, NO = RestartCondition.ALWAYS, RestartCondition.ON_FAILURE, RestartCondition.NO
UNLESS_STOPPED = RestartCondition.UNLESS_STOPPED


def decide(
    policy: RestartPolicy, code: int = 1, *, is_job: bool = False, before: int = 0, good_since: float = 0.0
) -> RestartDecision:
    """Return the decision about a first start with a check, or a job, that ended `before` times already."""
    instance = Instance("a.1", "a", 1, restarts=before, consecutive_restarts=before, good_since=good_since)
    service = Service("a", restart=policy)
    return decide_restart(
        service, ServiceState("a"), Ended(instance, code, 100.0, 1.0), has_check=not is_job, is_job=is_job
    )


def written(condition: RestartCondition, most: int = 10) -> RestartPolicy:
    return RestartPolicy(condition, max_attempts=most, is_explicit=True)


@pytest.mark.parametrize("is_job", [False, True])
@pytest.mark.parametrize("condition", [ALWAYS, ON_FAILURE, UNLESS_STOPPED])
def test_a_written_policy_has_what_never_was_good_tried_again(condition: RestartCondition, is_job: bool) -> None:
    first = decide(written(condition), is_job=is_job)
    assert (first.verdict, first.pause_seconds) == (Verdict.RESTART, 0.0)
    assert first.reason == "ended with exit code 1; attempt 2 of 10"
    third = decide(written(condition), is_job=is_job, before=2)
    assert third.reason == "ended with exit code 1; attempt 4 of 10 in 2.0 s"
    last = decide(written(condition), is_job=is_job, before=9)
    assert (last.verdict, last.reason) == (
        Verdict.CRASH_LOOP, "given up after 10 attempts: the last one ended with exit code 1"
    )  # fmt: skip


@pytest.mark.parametrize("is_job", [False, True])
@pytest.mark.parametrize("policy", [RestartPolicy(), RestartPolicy(ALWAYS), written(NO)])
def test_without_a_written_policy_a_failed_start_is_told_at_once(policy: RestartPolicy, is_job: bool) -> None:
    assert decide(policy, is_job=is_job).verdict is Verdict.START_FAILED


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [(ALWAYS, Verdict.RESTART), (UNLESS_STOPPED, Verdict.RESTART), (ON_FAILURE, Verdict.START_FAILED)],
)
def test_ending_with_0_before_it_was_healthy_is_no_failure_to_restart_on(
    condition: RestartCondition, verdict: Verdict
) -> None:
    assert decide(written(condition), code=0).verdict is verdict


def test_a_job_that_completes_is_completed_whatever_its_policy() -> None:
    assert decide(written(ALWAYS), code=0, is_job=True).verdict is Verdict.COMPLETED


def test_a_job_that_fails_after_a_long_time_has_no_more_attempts_than_one_that_fails_at_once() -> None:
    assert decide(written(ON_FAILURE, 3), is_job=True, before=2, good_since=1.0).verdict is Verdict.CRASH_LOOP


@pytest.mark.parametrize(
    ("left_behind", "reason"),
    [
        (0, ""),
        (1, "a process that it left behind had to be ended: have it stay in the foreground"),
        (3, "3 processes that it left behind had to be ended: have it stay in the foreground"),
    ],
)
def test_a_command_that_daemonizes_is_completed_with_a_note_of_what_it_left_behind(
    left_behind: int, reason: str
) -> None:
    ended = Ended(Instance("a.1", "a", 1), 0, 100.0, 1.0, left_behind)
    decision = decide_restart(Service("a"), ServiceState("a"), ended, has_check=False, is_job=False)
    assert (decision.verdict, decision.reason) == (Verdict.COMPLETED, reason)


def test_one_that_was_to_become_healthy_and_daemonized_is_told_so() -> None:
    ended = Ended(Instance("a.1", "a", 1), 0, 100.0, 1.0, 1)
    decision = decide_restart(Service("a"), ServiceState("a"), ended, has_check=True, is_job=False)
    assert decision.verdict is Verdict.START_FAILED
    assert "have it stay in the foreground" in decision.reason
