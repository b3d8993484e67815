"""`exec`, `wait`, `kill` and `stop` say what is the matter with a name, and `exec` ends as a shell would."""

from __future__ import annotations

import json

import pytest

from tests.integration.cli.shell import Shell

MANIFEST = """\
name: demo
telemetry: off
services:
  api: {command: [sleep, "600"], deploy: {replicas: 2}}
  debug: {command: [sleep, "600"], profiles: [debug]}
"""


@pytest.fixture
def shell(shell: Shell) -> Shell:
    (shell.folder / "stack.yaml").write_text(MANIFEST)
    shell.run("up -d")
    return shell


def test_a_service_of_a_profile_that_is_not_active_is_told_as_such(shell: Shell) -> None:
    for line in ("exec debug -- true", "wait debug", "restart debug", "why debug"):
        done = shell.run(line, code=2)
        assert "debug belongs to the profile 'debug', which is not active" in done.stderr
        assert "devctl up -d debug" in done.stderr


def test_exec_ends_as_a_shell_does(shell: Shell) -> None:
    (shell.folder / "plain").write_text("no program")
    assert "cannot run nothing-like-it" in shell.run("exec api -- nothing-like-it", code=127).stderr
    assert "cannot run ./plain" in shell.run("exec api -- ./plain", code=126).stderr
    shell.run("exec api -- false", code=1)


def test_one_instance_is_killed_and_a_name_that_is_said_twice_counts_once(shell: Shell) -> None:
    killed = json.loads(shell.run("kill --json api.2").stdout)
    assert killed["instances"] == ["api.2"]
    shell.run("wait --timeout 30s")
    assert "Stopped api in" in shell.run("stop api api").stderr
