"""Processes are told apart from later ones of the same number."""

import os
import subprocess
import sys

from devctl.machine import process

NOBODY = 2**22 + 1  # above the highest number that Linux gives


def test_the_start_of_a_living_process_never_changes_and_nobody_has_none() -> None:
    assert process.start_ticks(os.getpid()) == process.start_ticks(os.getpid()) > 0
    assert process.start_ticks(NOBODY) == 0


def test_a_process_that_ended_and_was_not_waited_for_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    process.wait_until_gone(child.pid, 30.0)
    assert not process.is_alive(child.pid)
    child.returncode = 0  # is_alive has taken its end


def test_one_that_runs_is_alive_and_nobody_is_not() -> None:
    assert process.is_alive(os.getppid())
    assert not process.is_alive(NOBODY)
