"""Whatever the caller ignores or blocks, what devctl starts finds every signal as a program expects it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.shell import Shell

IGNORED = ("SIGINT", "SIGQUIT", "SIGHUP", "SIGPIPE", "SIGTSTP", "SIGUSR1", "SIGALRM", "SIGCHLD")
BLOCKED = ("SIGTERM", "SIGUSR2", "SIGWINCH")
GLIBC = 0b11 << 31  # 32 and 33 are its own, and ignored in whatever it spawns
CALLER = f"""
import os, signal, sys
for name in {IGNORED}:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in {BLOCKED}])
os.execv(sys.argv[1], sys.argv[1:])
"""
MANIFEST = """\
name: demo
telemetry: off
services:
  api:
    command: [sh, -c, "grep -E 'Sig(Ign|Blk)' /proc/self/status > service; exec sleep 600"]
    healthcheck: {test: [CMD-SHELL, "grep -E 'Sig(Ign|Blk)' /proc/self/status > check"], interval: 100ms}
"""


@pytest.fixture
def shell(shell: Shell) -> Shell:
    (shell.folder / "stack.yaml").write_text(MANIFEST)
    return shell


def masks(file: Path) -> dict[str, int]:
    return {name: int(mask, 16) & ~GLIBC for name, mask in (line.split(":") for line in file.read_text().splitlines())}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads what /proc says of a process")
def test_services_and_checks_find_default_signals_whatever_the_caller_did_to_them(shell: Shell) -> None:
    argv = [sys.executable, "-c", CALLER, sys.executable, "-m", "devctl", "up", "-d"]
    done = subprocess.run(
        argv, cwd=shell.folder, env=shell.environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    clean = {"SigIgn": 0, "SigBlk": 0}
    assert masks(shell.folder / "service") == clean
    assert masks(shell.folder / "check") == clean


def test_a_command_in_a_service_is_ended_by_a_closed_pipe_as_in_a_shell(shell: Shell) -> None:
    shell.run("up -d")
    reading, writing = os.pipe()
    os.close(reading)
    argv = [sys.executable, "-m", "devctl", "exec", "api", "--", "sh", "-c", "kill -PIPE $$; echo survived"]
    try:
        done = subprocess.run(
            argv, cwd=shell.folder, env=shell.environ, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False
        )
    finally:
        os.close(writing)
    assert done.returncode == -signal.SIGPIPE, done.stderr


def test_up_in_the_foreground_honours_an_ignored_ctrl_c(shell: Shell) -> None:
    ignoring = f"trap '' INT; exec {sys.executable} -m devctl up"
    process = subprocess.Popen(
        ["sh", "-c", ignoring], cwd=shell.folder, env=shell.environ,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    with process, process.stderr:
        for line in process.stderr:
            if "Following the logs" in line:
                break
        process.send_signal(signal.SIGINT)
        shell.run("status")
        assert process.poll() is None
        shell.run("down")
        assert process.wait(30) == 0
