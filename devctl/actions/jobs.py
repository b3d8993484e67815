"""Several long jobs at once in threads, shown and ended by the thread that asks for them.

The threads are daemons: who interrupts the command waits for none of them.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from devctl.errors import DevctlError

if TYPE_CHECKING:
    from devctl.engine.images import Progress

T = TypeVar("T")
_LOOK_SECONDS = 0.5  # between looks at whether a job is silent


class Job(NamedTuple, Generic[T]):
    """One job: what it is about, and what does it while it reports how far it is."""

    key: str
    work: Callable[[Callable[[Progress], None]], T]


class Step(NamedTuple):
    """How far a job is."""

    key: str
    progress: Progress


class End(NamedTuple, Generic[T]):
    """What came of a job."""

    key: str
    outcome: T | DevctlError
    seconds: float


def run(rows: Sequence[Sequence[Job[T]]], at_once: int, *, silent_seconds: float = 0.0) -> Iterator[Step | End[T]]:
    """Do the jobs, those of a row one after the other, `at_once` rows at a time; yield how far they are and their ends.

    A job that says nothing for `silent_seconds` (0: as long as it likes) is given up with a TimeoutError.
    """
    messages: queue.SimpleQueue[Step | End[T] | BaseException] = queue.SimpleQueue()
    waiting: queue.SimpleQueue[Sequence[Job[T]]] = queue.SimpleQueue()
    for row in rows:
        waiting.put(row)
    for _ in range(min(at_once, len(rows))):
        threading.Thread(target=_work, args=(waiting, messages), daemon=True, name="job").start()
    left, heard = sum(map(len, rows)), time.monotonic()
    while left:
        try:
            message = messages.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if silent_seconds and time.monotonic() - heard > silent_seconds:
                raise TimeoutError from None
            continue
        heard = time.monotonic()
        if isinstance(message, BaseException):
            raise message
        left -= isinstance(message, End)
        yield message


def _work(
    waiting: queue.SimpleQueue[Sequence[Job[T]]], messages: queue.SimpleQueue[Step | End[T] | BaseException]
) -> None:
    while True:
        try:
            row = waiting.get_nowait()
        except queue.Empty:
            return
        for job in row:
            messages.put(_end(job, messages))


def _end(job: Job[T], messages: queue.SimpleQueue[Step | End[T] | BaseException]) -> End[T] | BaseException:
    began = time.monotonic()
    try:
        outcome: T | DevctlError = job.work(lambda progress: messages.put(Step(job.key, progress)))
    except DevctlError as error:
        outcome = error
    except BaseException as error:  # a bug: the asking thread raises it
        return error
    return End(job.key, outcome, time.monotonic() - began)
