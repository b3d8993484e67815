"""Asks every checked instance on its schedule, and posts when what follows from the answers changes.

First at once, then often until the first good answer, then at the check's interval. One asyncio task each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from devctl.clock import Clock
from devctl.core.checks import Check
from devctl.core.events import Event, InstanceReady, InstanceUnready, LivenessFailed
from devctl.probes.base import Answer, Probe, Target, ask
from devctl.probes.kinds import probe
from devctl.values import dataclass

_GROWTH = 0.02  # a start that takes long is asked less often: it delays the answer by at most this part of it
_LONGEST_START_PAUSE_SECONDS = 0.5
_REFUSED = 0.4  # to be refused costs a service nothing and devctl little: asked that much sooner,
_REFUSED_SECONDS = 0.0003  # unless so many are asked that it adds up


@dataclass(frozen=True, slots=True)
class Watched:
    """What is asked: the same instance, process and check are the same watch."""

    instance: str
    service: str
    pid: int
    check: Check
    target: Target
    is_liveness: bool = False  # it decides about a restart, not about traffic

    @property
    def key(self) -> str:
        """What tells the two checks of an instance apart."""
        return key_of(self.instance, is_liveness=self.is_liveness)


def key_of(instance: str, *, is_liveness: bool) -> str:
    """Return under which name a check of an instance is watched."""
    return f"{instance}/liveness" if is_liveness else instance


class Health:
    """All probes of a stack, and what each saw last."""

    def __init__(self, post: Callable[[Event], None], clock: Clock) -> None:
        self.answers: dict[str, Answer] = {}
        self._post = post
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def is_watched(self, instance: str, pid: int, check: Check, *, is_liveness: bool = False) -> bool:
        """Tell whether this process is asked by this check already."""
        watched = self._watched.get(key_of(instance, is_liveness=is_liveness))
        return watched is not None and watched.pid == pid and watched.check == check

    def watch(self, watched: Watched, *, is_good: bool) -> None:
        """Begin to ask; `is_good`: it was good when it was last seen."""
        self.drop(watched.key)
        self._watched[watched.key] = watched
        self._tasks[watched.key] = asyncio.get_running_loop().create_task(self._run(watched, is_good=is_good))

    def drop(self, key: str) -> None:
        """Ask an instance no more, by one of its checks (see `key_of`)."""
        if task := self._tasks.pop(key, None):
            task.cancel()
            del self._watched[key]
            self.answers.pop(key, None)

    def close(self) -> None:
        """Ask nobody any more."""
        for instance in tuple(self._tasks):
            self.drop(instance)

    async def _run(self, watched: Watched, *, is_good: bool) -> None:
        schedule = Schedule(watched.check, self._clock.monotonic(), is_good=is_good)
        question: Probe | None = None
        while True:
            try:
                question = question or probe(watched.check, watched.target)
                answer = await ask(question, watched.check.timeout_seconds)
            except OSError as error:  # the check cannot even be asked, for want of a port
                answer = Answer(False, str(error))
            self.answers[watched.key] = answer
            change = schedule.take(answer, self._clock.monotonic())
            if event := _event(watched, answer, change):
                self._post(event)
            crowd = len(self._tasks) if answer.is_refused else 0
            await asyncio.sleep(schedule.pause(self._clock.monotonic(), crowd=crowd))


def _event(watched: Watched, answer: Answer, change: bool | None) -> Event | None:
    """Return what follows from an answer that changed something (see `Schedule.take`)."""
    if change is False:
        failed = LivenessFailed if watched.is_liveness else InstanceUnready
        return failed(watched.instance, watched.service, answer.text)
    if change is True and not watched.is_liveness:
        return InstanceReady(watched.instance, watched.service)
    return None


class Schedule:
    """When the next question is due and what the answers so far amount to. Pure."""

    def __init__(self, check: Check, began: float, *, is_good: bool) -> None:
        self._check = check
        self._began = began
        self._was_good = is_good
        self._is_good: bool | None = True if is_good else None
        self._failures = 0

    def take(self, answer: Answer, now: float) -> bool | None:
        """Return True when the instance became good with this answer, False when it ceased to be, else None."""
        if answer.is_good:
            self._failures = 0
            self._was_good = True
            changed, self._is_good = self._is_good is not True, True
            return True if changed else None
        if not self._is_starting(now):
            self._failures += 1
        if self._failures < max(self._check.retries, 1):
            return None
        changed, self._is_good = self._is_good is not False, False
        return False if changed else None

    def pause(self, now: float, *, crowd: int = 0) -> float:
        """Return the seconds until the next question; `crowd`: how many are asked, where nobody listens yet."""
        if not self._is_starting(now):
            return self._check.interval_seconds
        growing = min((now - self._began) * _GROWTH, _LONGEST_START_PAUSE_SECONDS)
        usual = self._check.start_interval_seconds
        if crowd:
            usual = min(usual, max(usual * _REFUSED, crowd * _REFUSED_SECONDS))
        return max(usual, growing)

    def _is_starting(self, now: float) -> bool:
        return not self._was_good and now - self._began < self._check.start_period_seconds
