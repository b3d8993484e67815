"""Several long jobs at once."""

import threading

import pytest

from devctl.actions import jobs
from devctl.actions.jobs import End, Job, Step
from devctl.engine.images import Progress
from devctl.errors import DevctlError


def _fail(_: object) -> str:
    raise DevctlError("no")


def _break(_: object) -> str:
    raise ZeroDivisionError


def test_steps_and_ends_of_all_are_told_and_one_that_fails_stops_no_other() -> None:
    def report(say: object) -> str:
        say(Progress("half"))  # type: ignore[operator]
        return "made"

    messages = list(jobs.run([[Job("a", report)], [Job("b", _fail)]], 2))
    ends = {each.key: each.outcome for each in messages if isinstance(each, End)}
    assert ends["a"] == "made"
    assert str(ends["b"]) == "no"
    assert [each.progress.stage for each in messages if isinstance(each, Step)] == ["half"]


def test_jobs_of_a_row_are_done_one_after_the_other() -> None:
    order: list[str] = []
    row = [Job(name, lambda _, name=name: order.append(name)) for name in "abc"]  # type: ignore[misc]
    assert len(list(jobs.run([row], 4))) == 3
    assert order == ["a", "b", "c"]


def test_a_bug_is_raised_where_the_jobs_were_asked_for() -> None:
    with pytest.raises(ZeroDivisionError):
        list(jobs.run([[Job("a", _break)]], 1))


def test_jobs_that_say_nothing_are_given_up() -> None:
    over = threading.Event()
    with pytest.raises(TimeoutError):
        list(jobs.run([[Job("a", lambda _: over.wait())]], 1, silent_seconds=0.01))
    over.set()
