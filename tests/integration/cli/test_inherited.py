"""What outlives a command holds nothing that the caller of the command opened."""

import fcntl
import os
from pathlib import Path

import pytest

from tests.integration.cli.shell import Shell

LOWEST, HIGHEST = 3, 300  # what a shell's `exec 3>file` opens, and one beyond what devctl moves its own to


@pytest.mark.parametrize("number", [LOWEST, HIGHEST])
def test_a_lock_that_the_caller_handed_down_is_free_when_up_d_has_returned(
    shell: Shell, tmp_path: Path, number: int
) -> None:
    held = os.open(tmp_path / "x.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    shell.run("up -d", inherited={number: held})
    os.close(held)
    rival = os.open(tmp_path / "x.lock", os.O_RDWR)
    fcntl.flock(rival, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(rival)


def test_a_pipe_of_the_caller_ends_when_up_d_has_returned(shell: Shell) -> None:
    ear, mouth = os.pipe()
    shell.run("up -d", inherited={9: mouth})
    os.close(mouth)
    os.set_blocking(ear, False)
    assert os.read(ear, 1) == b""
    os.close(ear)


def test_a_supervisor_that_a_reader_starts_again_holds_nothing_of_the_reader(shell: Shell) -> None:
    shell.run("up -d")
    shell.kill_supervisor()
    ear, mouth = os.pipe()
    shell.run("status", inherited={9: mouth})
    os.close(mouth)
    os.set_blocking(ear, False)
    assert os.read(ear, 1) == b""
    os.close(ear)
