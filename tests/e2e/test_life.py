"""What is left of a shop after `down`: nothing that runs, everything that was said."""

import secrets
from pathlib import Path

import psutil
import pytest

from tests.e2e.shop import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def _of_stack(project: str) -> list[psutil.Process]:
    survivors = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and any(project in word for word in process.cmdline()):
                survivors.append(process)
        except psutil.Error:
            continue
    return survivors


def test_after_down_nothing_runs_or_is_left_and_the_logs_stay_readable(tmp_path: Path) -> None:
    runtime = tmp_path / "rt"
    runtime.mkdir(mode=0o700)
    stack = Stack(f"life{secrets.token_hex(3)}", runtime, {"DEVCTL_RUN_AS": "embedded"})
    try:
        stack.up("catalog", "user")
        stack.devctl("down")
        assert _of_stack(stack.project) == []
        assert [path for path in runtime.rglob("*") if path.name != "devctl"] == []
        assert {line["service"] for line in stack.lines("logs", "--json")} >= {"catalog", "user"}
        assert stack.status()["status"] == "stopped"
    finally:
        stack.down()
