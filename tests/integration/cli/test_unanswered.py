"""A supervisor or keeper that cannot answer is named, with what to do; no command hangs and none has a bug."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.cli.shell import Shell


def pids(shell: Shell) -> tuple[int, int]:
    view = json.loads(shell.run("status --json").stdout)
    return view["supervisor"]["pid"], view["keeper"]["pid"]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_stopped_supervisor_is_named_with_how_to_wake_it(shell: Shell) -> None:
    shell.run("up -d")
    supervisor, _ = pids(shell)
    with stopped(supervisor):
        for line in ("status", "up -d", "down"):
            done = shell.run(line, code=3)
            assert f"the supervisor (process {supervisor}) is stopped" in done.stderr
            assert f"kill -CONT {supervisor}" in done.stderr
    assert pids(shell)[0] == supervisor


def test_a_stopped_keeper_is_named_with_how_to_wake_it(shell: Shell) -> None:
    shell.run("up -d")
    _, keeper = pids(shell)
    with stopped(keeper):
        shell.run("status")  # which asks nothing of it
        for line in ("restart api", "down"):
            done = shell.run(line, code=3)
            assert f"the keeper (process {keeper}) is stopped" in done.stderr
            assert f"kill -CONT {keeper}" in done.stderr


def test_a_supervisor_to_be_names_the_stopped_keeper_it_finds(shell: Shell) -> None:
    shell.run("up -d")
    _, keeper = pids(shell)
    shell.kill_supervisor()
    with stopped(keeper):
        done = shell.run("status", code=3)
        assert f"the keeper (process {keeper}) is stopped" in done.stderr
    assert pids(shell)[1] == keeper


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("exit 7", "the supervisor ended with 7 before it answered"),
        ("echo the disk is on fire >&2; exit 1", "the supervisor ended with 1 before it answered: the disk is on fire"),
        ("kill -9 $$", "the supervisor was killed by signal 9 before it answered"),
    ],
)
def test_a_supervisor_that_dies_before_it_answers_is_no_bug_of_devctl(shell: Shell, body: str, expected: str) -> None:
    python = shell.folder / "python"
    python.write_text(f"#!/bin/sh\n{body}\n")
    python.chmod(stat.S_IRWXU)
    code = (
        f"import sys; from devctl.cli import main; sys.executable = {str(python)!r}; sys.exit(main.run(sys.argv[1:]))"
    )
    for line in ("up -d", "up"):
        done = subprocess.run(
            [sys.executable, "-c", code, *line.split()],
            cwd=shell.folder, env=shell.environ, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 3
        assert expected in done.stderr
        assert "bug" not in done.stderr
