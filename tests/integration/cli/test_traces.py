"""`devctl traces` over a real record: folded by operation, compared with an earlier time, ranked by duration."""

import json
import time
from pathlib import Path

import pytest

from devctl.cli import main
from tests.integration.cli.fake_supervisor import write_manifest
from tests.unit.cli.fake_session import Screen
from tests.unit.queries.spans import record, span


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stack whose `GET` took 1 s an hour and a half ago and takes 2 s now; `POST` is new."""
    write_manifest(tmp_path)
    run = tmp_path.resolve() / ".devctl" / "runs" / "20260131-120000-abcd"
    run.mkdir(parents=True)
    now, before = time.time() - 1010, time.time() - 5400 - 1000  # spans are told in seconds after 1000 s
    record(
        run,
        web=[
            span("GET", 1, before, before + 1, trace=1), span("GET", 2, now, now + 2, trace=2),
            span("POST", 3, now + 3, now + 3.5, trace=3, error=True),
        ],
    )  # fmt: skip
    return tmp_path


def traces(folder: Path, line: str) -> tuple[int, Screen]:
    screen = Screen()
    return main.run(["--project-directory", str(folder), "traces", *line.split()], {}, screen), screen


def rows(folder: Path, line: str) -> list[dict[str, object]]:
    code, screen = traces(folder, f"{line} --json")
    assert code == 0, screen.messages
    return [json.loads(row) for row in screen.shown.splitlines()]


def test_an_operation_is_compared_with_the_time_before(folder: Path) -> None:
    get, post = rows(folder, "--by operation --against 1h")
    assert (get["operation"], get["count"], get["p95_ms"], get["before"]) == ("GET", 1, 2000.0, {
        "count": 1, "errors": 0, "p50_ms": 1000.0, "p95_ms": 1000.0, "p99_ms": 1000.0, "self_ms": 1000.0,
    })  # fmt: skip
    assert (post["operation"], post["errors"], post["before"]) == ("POST", 1, None)
    shown = traces(folder, "--by operation --against 1h")[1].shown
    assert "+100%" in shown
    assert "new" in shown


def test_without_a_comparison_all_spans_count(folder: Path) -> None:
    assert [(row["operation"], row["count"]) for row in rows(folder, "--by operation")] == [("GET", 2), ("POST", 1)]
    assert [row["operation"] for row in rows(folder, "--by operation --errors")] == ["POST"]


def test_the_longest_traces_stand_last(folder: Path) -> None:
    assert [row["duration_ms"] for row in rows(folder, "--sort duration -n 2")] == [1000.0, 2000.0]


@pytest.mark.parametrize("line", ["--by operation -f", "--sort duration -f", "--against 1h"])
def test_what_does_not_go_together_is_refused(folder: Path, line: str) -> None:
    assert traces(folder, line)[0] == 2
