"""What earlier runs say of a smoke run: how often an item failed before, and what differs from the last green one."""

import json
from pathlib import Path

from devctl.queries.compare import Figures
from devctl.smoke import history
from devctl.smoke.history import GREEN_FILE, MOST_RUNS, RUNS_FILE, History
from devctl.smoke.outcome import Outcome, Report


def report(run: str, status: str = "passed") -> Report:
    outcome = Outcome("checks", "buy", status, attempts=["500"] if status == "flaky" else [])
    return Report("shop", run, [outcome, Outcome("checks", "browse")])


def figures(*, edges: tuple[str, ...] = ()) -> Figures:
    return Figures(edges=set(edges))


def after(folder: Path, *statuses: str, figures_of_last: Figures | None = None) -> Report:
    """Return the report of the last of some runs, each by a process of its own."""
    for number, status in enumerate(statuses):
        last = report(f"run{number}", status)
        history.complete(last, History(folder), figures_of_last if number == len(statuses) - 1 else figures())
    return last


def test_a_failure_tells_how_many_of_the_last_runs_failed_and_since_when(tmp_path: Path) -> None:
    last = after(tmp_path, "passed", "failed", "passed", "failed")
    assert last.history == {"checks: buy": "failed 2 of the last 4 runs, first in run run1"}


def test_a_flaky_item_tells_how_often_it_was_so(tmp_path: Path) -> None:
    last = after(tmp_path, "flaky", "failed", "flaky")
    assert last.history == {"checks: buy": "was flaky in 2 of the last 3 runs, first in run run0"}


def test_the_first_run_of_all_and_what_passes_have_no_history(tmp_path: Path) -> None:
    assert after(tmp_path, "failed").history == {}
    assert after(tmp_path, "passed").history == {}


def test_no_more_than_the_last_runs_are_kept(tmp_path: Path) -> None:
    last = after(tmp_path, *["failed"] * (MOST_RUNS + 5))
    assert last.history["checks: buy"] == f"failed {MOST_RUNS} of the last {MOST_RUNS} runs, first in run run5"


def test_a_run_is_compared_with_the_last_green_one_which_a_red_one_never_becomes(tmp_path: Path) -> None:
    history.complete(report("green"), History(tmp_path), figures(edges=("a -> b",)))
    red = report("red", "failed")
    history.complete(red, History(tmp_path), figures())
    again = report("again", "failed")
    history.complete(again, History(tmp_path), figures())
    assert (red.green_run, again.green_run) == ("green", "green")
    assert [(entry.kind, entry.subject) for entry in again.differences] == [("edge", "a -> b")]


def test_a_part_of_the_suite_is_compared_with_nothing_and_is_no_measure_for_others(tmp_path: Path) -> None:
    history.complete(report("part"), History(tmp_path), None)
    whole = report("whole")
    history.complete(whole, History(tmp_path), figures())
    assert whole.green_run == ""


def test_files_that_cannot_be_read_are_as_none(tmp_path: Path) -> None:
    for name in (RUNS_FILE, GREEN_FILE):
        (tmp_path / name).write_text("{")
    assert after(tmp_path, "failed", figures_of_last=figures()).history == {}
    (tmp_path / GREEN_FILE).write_text(json.dumps({"run": "x", "figures": {"requests": 3}}))
    assert after(tmp_path, "failed", figures_of_last=figures()).green_run == ""


def test_a_folder_that_cannot_be_written_costs_the_history_alone(tmp_path: Path) -> None:
    assert after(tmp_path / "missing", "failed", "failed").history == {}
