"""What is done about an instance that ended by itself: restarted and when, or given up and why. Touches nothing."""

from __future__ import annotations

from devctl.core.events import Verdict
from devctl.core.spec import RestartCondition, RestartPolicy, Service
from devctl.core.state import Instance, ServiceState, is_stable
from devctl.text import count
from devctl.values import dataclass

FIRST_PAUSE_SECONDS = 1.0  # the second restart in a row; the first is at once, since most crashes are single
LONGEST_PAUSE_SECONDS = 30.0  # a broken service costs little then, and is tried again while somebody mends it
SIGNAL_SECONDS = 10.0
"""An end so soon after a signal that a person sent is taken for its work."""

_AGAIN_AFTER_SUCCESS = (RestartCondition.ALWAYS, RestartCondition.UNLESS_STOPPED)


@dataclass(frozen=True, slots=True)
class RestartDecision:
    """The verdict on one end, its reason for people, the pause before a restart in seconds, whether a person asked
    for the end, and whether the restart is a further attempt to start at all."""

    verdict: Verdict
    reason: str
    pause_seconds: float = 0.0
    requested: bool = False
    is_attempt: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """One instance that ended: `code` as a runner says it, `now` in monotonic seconds, `jitter` from 0 to 1,
    `left_behind` the processes that it left running, which were ended."""

    instance: Instance
    code: int | None
    now: float
    jitter: float
    left_behind: int = 0

    @property
    def is_requested(self) -> bool:
        """Whether a person ended it by a signal."""
        return bool(self.instance.signalled) and self.now - self.instance.signalled < SIGNAL_SECONDS


def decide_restart(
    service: Service, service_state: ServiceState, ended: Ended, *, has_check: bool, is_job: bool
) -> RestartDecision:
    """Return what becomes of an instance that ended by itself.

    `is_job`: something waits for it to complete.
    """
    hung = ended.instance.liveness
    how = f"failed its liveness check ({hung}) and was ended" if hung else describe_exit(ended.code)
    if daemons := _daemons(ended):
        how = f"{how} ({daemons})"
    if ended.code == 0 and not hung and not _owes_health(service_state, ended.instance, has_check=has_check):
        if service.restart.condition not in _AGAIN_AFTER_SUCCESS or is_job:
            return RestartDecision(Verdict.COMPLETED, _daemons(ended))
    elif _has_failed_to_start(service_state, ended, has_check=has_check, is_job=is_job):
        if not _holds_for_start(service.restart, ended):
            return RestartDecision(Verdict.START_FAILED, f"{how} before it was {'done' if is_job else 'healthy'}")
        return _try_again(service.restart, ended, how, is_job=is_job)
    if service.restart.condition is RestartCondition.NO:
        return RestartDecision(Verdict.FAILED, f"{how}; its restart policy is no")
    return _again(service.restart, ended, how)


def _daemons(ended: Ended) -> str:
    """Return what became of the processes that a command left behind which ended well, as one that daemonizes does."""
    if ended.code != 0 or not ended.left_behind:
        return ""
    processes = "a process" if ended.left_behind == 1 else f"{ended.left_behind} processes"
    return f"{processes} that it left behind had to be ended: have it stay in the foreground"


def _owes_health(service_state: ServiceState, instance: Instance, *, has_check: bool) -> bool:
    """Whether it was to become healthy and never was: ending with 0 is then no success."""
    return has_check and not instance.first_good and not _was_healthy(service_state)


def _has_failed_to_start(service_state: ServiceState, ended: Ended, *, has_check: bool, is_job: bool) -> bool:
    """Whether it ended before it was good; a job that did not complete never was."""
    if is_job:
        return True
    was_good = not has_check or bool(ended.instance.first_good) or _was_healthy(service_state)
    return not was_good and not ended.is_requested


def _holds_for_start(policy: RestartPolicy, ended: Ended) -> bool:
    """Whether a policy has what never became good started again: one that a person wrote, and that covers this end."""
    if not policy.is_explicit or policy.condition is RestartCondition.NO:
        return False
    return policy.condition in _AGAIN_AFTER_SUCCESS or ended.code != 0 or bool(ended.instance.liveness)


def _was_healthy(service_state: ServiceState) -> bool:
    """Whether this definition has been good in this run."""
    return service_state.option is not None and service_state.healthy_digest == service_state.option.digest


def _try_again(policy: RestartPolicy, ended: Ended, how: str, *, is_job: bool) -> RestartDecision:
    """Return what becomes of what never was good: it is tried as often as its policy says, however long that takes.

    A job that runs for long before it fails looks stable, so its restarts are counted, not those in a row.
    """
    attempt = 1 + (ended.instance.restarts if is_job else ended.instance.consecutive_restarts)
    if attempt >= policy.max_attempts:
        return RestartDecision(Verdict.CRASH_LOOP, f"given up after {count(attempt, 'attempt')}: the last one {how}")
    pause = pause_seconds(policy, ended)
    when = f" in {pause:.1f} s" if pause else ""
    reason = f"{how}; attempt {attempt + 1} of {policy.max_attempts}{when}"
    return RestartDecision(Verdict.RESTART, reason, pause, is_attempt=True)


def _again(policy: RestartPolicy, ended: Ended, how: str) -> RestartDecision:
    if ended.is_requested:
        return RestartDecision(Verdict.RESTART, f"{how}, as asked for", policy.delay_seconds or 0.0, requested=True)
    recent = [t for t in ended.instance.exits if ended.now - t < policy.window_seconds]
    times = len(recent) + 1
    if times >= policy.max_attempts:
        window = f"{policy.window_seconds:g} s"
        return RestartDecision(
            Verdict.CRASH_LOOP, f"crash loop: ended {times} times within {window}, last time it {how}"
        )
    pause = pause_seconds(policy, ended)
    when = f"; starts again in {pause:.1f} s" if pause else ""
    return RestartDecision(Verdict.RESTART, f"{how}{when}", pause)


def pause_seconds(policy: RestartPolicy, ended: Ended) -> float:
    """Return the pause before the next restart: none the first time, then growing, with jitter."""
    if policy.delay_seconds is not None:
        return policy.delay_seconds
    restarts = 0 if is_stable(ended.instance, ended.now) else ended.instance.consecutive_restarts
    if restarts == 0:
        return 0.0
    longest = min(FIRST_PAUSE_SECONDS * 2.0 ** (restarts - 1), LONGEST_PAUSE_SECONDS)
    return longest * (0.5 + ended.jitter / 2)


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
