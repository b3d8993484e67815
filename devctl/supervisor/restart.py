"""What is done about an instance that ended by itself: restarted and when, or given up and why. Touches nothing."""

from __future__ import annotations

from dataclasses import dataclass

from devctl.core.events import Verdict
from devctl.core.spec import RestartCondition, RestartPolicy, Service
from devctl.core.state import Instance, ServiceState, is_calm

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
SIGNAL_SECONDS = 10.0
"""An end so soon after a signal that a person sent is taken for its work."""

_AGAIN_AFTER_SUCCESS = (RestartCondition.ALWAYS, RestartCondition.UNLESS_STOPPED)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one end, its reason for people, the pause before a restart in seconds, and whether a person
    asked for the end."""

    verdict: Verdict
    reason: str
    pause_seconds: float = 0.0
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """One instance that ended: `code` as a runner says it, `now` in monotonic seconds, `dice` from 0 to 1."""

    instance: Instance
    code: int | None
    now: float
    dice: float

    @property
    def was_asked(self) -> bool:
        """Whether a person ended it by a signal."""
        return bool(self.instance.signalled) and self.now - self.instance.signalled < SIGNAL_SECONDS


def judge(service: Service, found: ServiceState, ended: Ended, *, has_check: bool, is_job: bool) -> Judgement:
    """Return what becomes of an instance that ended without being told to.

    `is_job`: something waits for it to complete.
    """
    how = describe_exit(ended.code)
    if ended.code == 0 and not _owes_health(found, ended.instance, has_check=has_check):
        if service.restart.condition not in _AGAIN_AFTER_SUCCESS or is_job:
            return Judgement(Verdict.COMPLETED, "")
    elif not _was_good(found, ended.instance, has_check=has_check, is_job=is_job) and (is_job or not ended.was_asked):
        return Judgement(Verdict.START_FAILED, f"{how} before it was {'done' if is_job else 'healthy'}")
    if service.restart.condition is RestartCondition.NO:
        return Judgement(Verdict.FAILED, f"{how}; its restart policy is no")
    return _again(service.restart, ended, how)


def _owes_health(found: ServiceState, instance: Instance, *, has_check: bool) -> bool:
    """Whether it was to become healthy and never was: ending with 0 is then no success."""
    return has_check and not instance.first_good and not _is_proven(found)


def _was_good(found: ServiceState, instance: Instance, *, has_check: bool, is_job: bool) -> bool:
    if is_job:
        return False
    return not has_check or bool(instance.first_good) or _is_proven(found)


def _is_proven(found: ServiceState) -> bool:
    """Whether this definition has been good in this run."""
    return found.option is not None and found.proven == found.option.digest


def _again(policy: RestartPolicy, ended: Ended, how: str) -> Judgement:
    if ended.was_asked:
        return Judgement(Verdict.RESTART, f"{how}, as asked for", policy.delay_seconds or 0.0, asked=True)
    recent = [t for t in ended.instance.exits if ended.now - t < policy.window_seconds]
    times = len(recent) + 1
    if times >= policy.max_attempts:
        window = f"{policy.window_seconds:g} s"
        return Judgement(Verdict.CRASH_LOOP, f"crash loop: ended {times} times within {window}, last time it {how}")
    pause = pause_seconds(policy, ended)
    when = f"; starts again in {pause:.1f} s" if pause else ""
    return Judgement(Verdict.RESTART, f"{how}{when}", pause)


def pause_seconds(policy: RestartPolicy, ended: Ended) -> float:
    """Return the pause before the next restart: none the first time, then growing, with jitter."""
    if policy.delay_seconds is not None:
        return policy.delay_seconds
    streak = 0 if is_calm(ended.instance, ended.now) else ended.instance.streak
    if streak == 0:
        return 0.0
    longest = min(FIRST_PAUSE_SECONDS * 2.0 ** (streak - 1), LONGEST_PAUSE_SECONDS)
    return longest * (0.5 + ended.dice / 2)


def describe_exit(code: int | None) -> str:
    """Return in words how a process ended."""
    if code is None:
        return "ended, nobody knows how (its keeper was killed)"
    if code >= 0:
        return f"ended with exit code {code}"
    import signal

    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
