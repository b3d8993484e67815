"""`runs`, `prune` and `tools`: what is on disk is told and deleted, and nothing else."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_session import FakeSession, service, stack

OLD, NEW = "20260130-120000-aaaa", "20260131-120000-abcd"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEVCTL_CACHE", str(tmp_path / "cache"))
    for run_id in (OLD, NEW):
        logs = tmp_path / ".devctl" / "runs" / run_id / "logs" / "order.1"
        logs.mkdir(parents=True)
        (logs / "0000.log").write_bytes(b"x" * 1000)
    (tmp_path / ".devctl" / "volumes" / "order").mkdir(parents=True)
    (tmp_path / ".devctl" / "volumes" / "order" / "data").write_bytes(b"y" * 500)
    return tmp_path / ".devctl"


def test_runs_are_listed_newest_first_with_their_size(run: Run, state: Path) -> None:
    rows = [json.loads(row) for row in run("runs --json")[1].shown.splitlines()]
    assert [row["run"] for row in rows] == [NEW, OLD]
    assert rows[0]["started_at"] == "2026-01-31T12:00:00Z"
    assert rows[0]["bytes"] >= 1000
    assert NEW in run("runs")[1].shown


def test_prune_deletes_nothing_without_a_yes(run: Run, state: Path) -> None:
    assert run("prune")[0] == 2
    assert run("prune --dry-run")[0] == 0
    assert sorted(path.name for path in (state / "runs").iterdir()) == [OLD, NEW]


def test_prune_keeps_the_run_that_goes_on_and_all_data(run: Run, state: Path) -> None:
    code, screen = run("prune --yes", FakeSession(stack(service("order"))))
    assert code == 0, screen.messages
    assert [path.name for path in (state / "runs").iterdir()] == [NEW]
    assert (state / "volumes" / "order" / "data").exists()


def test_data_in_use_is_not_deleted(run: Run, state: Path) -> None:
    assert run("prune --volumes --yes", FakeSession())[0] == 2
    assert (state / "volumes" / "order" / "data").exists()


def test_prune_volumes_deletes_runs_and_data_of_a_stack_that_is_down(run: Run, state: Path) -> None:
    assert run("prune --volumes --yes")[0] == 0
    assert not list((state / "runs").iterdir())
    assert not list((state / "volumes").iterdir())


def test_down_volumes_deletes_the_data_also_when_nothing_runs(run: Run, state: Path) -> None:
    assert run("down --volumes --yes")[0] == 0
    assert not (state / "volumes").exists()
    assert (state / "runs" / NEW).exists()


def test_tools_are_listed_with_their_state(run: Run, state: Path) -> None:
    rows = [json.loads(row) for row in run("tools list --json")[1].shown.splitlines()]
    assert {"java", "kafka", "prometheus", "consul", "jaeger", "grafana", "postgres"} <= {row["name"] for row in rows}
    assert {row["state"] for row in rows} <= {"here", "available", "missing"}


def test_removing_tools_needs_names_that_are_tools(run: Run, state: Path) -> None:
    assert run("tools remove")[0] == 2
    assert "Did you mean kafka" in run("tools remove kafak")[1].messages
    assert "None of them" in run("tools remove kafka")[1].messages
