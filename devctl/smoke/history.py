"""What earlier smoke runs of a project ended with, and what its last green run did: kept in its `.devctl`.

Runs themselves go after a while, and those of an isolated copy with it; these two small files stay.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devctl.disk import replace_file
from devctl.queries import compare
from devctl.smoke.outcome import FLAKY, PASSED, Outcome, Report
from devctl.text import count

if TYPE_CHECKING:
    from devctl.queries.compare import Figures

MOST_RUNS = 20
RUNS_FILE, GREEN_FILE = "smoke-history.json", "smoke-green.json"


@dataclass(frozen=True, slots=True)
class PastRun:
    """One smoke run: its id, how it ended, and what failed or was flaky in it."""

    run: str
    verdict: str
    failed: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the entry of the file."""
        return {"run": self.run, "verdict": self.verdict, "failed": self.failed, "flaky": self.flaky}


class History:
    """The last smoke runs of the project in `folder`, the newest last."""

    def __init__(self, folder: Path) -> None:
        self._runs_file = folder / RUNS_FILE
        self._green_file = folder / GREEN_FILE
        self.runs = list(_past_runs(self._runs_file))

    def add(self, report: Report) -> None:
        """Keep how a run ended; a disk that refuses costs the history alone."""
        failed, flaky = ([o.key for o in outcomes] for outcomes in (report.failed, report.flaky))
        self.runs = [*self.runs, PastRun(report.run, report.verdict, tuple(failed), tuple(flaky))][-MOST_RUNS:]
        with contextlib.suppress(OSError):
            replace_file(self._runs_file, json.dumps([run.as_json() for run in self.runs]))

    def sentences(self, report: Report) -> Iterator[tuple[str, str]]:
        """Yield for each item that failed or was flaky how often it did so, the present run included."""
        for outcome in (*report.failed, *report.flaky):
            if len(self.runs) > 1:
                yield outcome.key, self._sentence(outcome)

    def _sentence(self, outcome: Outcome) -> str:
        is_flaky = outcome.status == FLAKY
        runs = [run.run for run in self.runs if outcome.key in (run.flaky if is_flaky else run.failed)]
        what = "was flaky in" if is_flaky else "failed"
        return f"{what} {len(runs)} of the last {count(len(self.runs), 'run')}, first in run {runs[0]}"

    # The last green run

    def compared(self, figures: Figures) -> tuple[str, list[compare.Difference]]:
        """Return the last green run and what is not as it was there; an empty id where there is none."""
        try:
            kept = json.loads(self._green_file.read_bytes())
            run, before = str(kept["run"]), compare.figures_of(kept["figures"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return "", []
        return run, list(compare.differences(before, figures))

    def keep_green(self, run: str, figures: Figures) -> None:
        """Have later runs compared with this one."""
        with contextlib.suppress(OSError):
            replace_file(self._green_file, json.dumps({"run": run, "figures": figures.as_json()}))


def _past_runs(file: Path) -> Iterator[PastRun]:
    """Yield what the file has, as far as it can be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        for entry in json.loads(file.read_bytes()):
            yield PastRun(str(entry["run"]), str(entry["verdict"]), tuple(entry["failed"]), tuple(entry["flaky"]))


def complete(report: Report, history: History, figures: Figures | None) -> None:
    """Add to a report what the runs before it say; `figures` are those of the whole suite, None of a part of it."""
    history.add(report)
    report.history = dict(history.sentences(report))
    if figures is None:
        return
    report.green_run, report.differences = history.compared(figures)
    if report.verdict == PASSED:
        history.keep_green(report.run, figures)
