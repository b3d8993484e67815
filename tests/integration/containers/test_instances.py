"""Containers are held and let go on, looked into, run once more, and files copied to and from them."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import IMAGE, TestEngine
from tests.integration.cli.shell import Shell
from tests.integration.containers.stack import bring_up
from tests.waiting import eventually

pytestmark = [pytest.mark.xdist_group("engine"), pytest.mark.timeout(240)]

MANIFEST = f"""\
name: held
telemetry: off
services:
  web:
    image: {IMAGE}
    stop_grace_period: 100ms
    command: [sh, -c, "while true; do sleep 0.2; echo tick; done"]
    healthcheck: {{test: [CMD, "true"], interval: 200ms}}
    environment: {{LEVEL: info}}
    ports: {{http: "auto:80"}}
  reader:
    image: {IMAGE}
    stop_grace_period: 100ms
    stdin_open: true
    environment: {{LEVEL: info}}
    post_start:
      - command: [sh, -c, "echo $$LEVEL $$MORE > /tmp/hook; id -u >> /tmp/hook"]
        environment: {{MORE: more}}
        user: "12"
    command: [sh, -c, "read line; echo heard $$line; sleep 600"]
"""


@pytest.fixture
def shell(engine: TestEngine, tmp_path: Path) -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="dc") as runtime:
        (tmp_path / "stack.yaml").write_text(MANIFEST)
        shell = Shell(tmp_path.resolve(), runtime)
        shell.environ["DOCKER_HOST"] = engine.url
        bring_up(shell)
        yield shell
        shell.run("down --now --volumes --yes")
        assert engine.containers() == []
        engine.clean()


def status_of(shell: Shell, service: str) -> str:
    """Return the status of a service, whatever that of the stack is; nothing where it changed meanwhile."""
    for code in (0, 1):
        with contextlib.suppress(AssertionError):  # it ends with the other code
            views = json.loads(shell.run(f"status --json {service}", code).stdout)["services"]
            return str(views[0]["status"])
    return ""


def test_a_container_is_frozen_and_goes_on_whoever_asks_for_it(shell: Shell, engine: TestEngine) -> None:
    shell.run("pause web")
    with engine.client() as api:
        assert api.inspect_container("held-web-1")["State"]["Paused"]
        assert status_of(shell, "web") == "paused"
        assert "Unpaused web.1." in shell.run("unpause web").stderr
        assert not api.inspect_container("held-web-1")["State"]["Paused"]
        eventually(lambda: status_of(shell, "web") == "healthy", within=60, every=0.2, what="web after its pause")
        api.pause("held-web-1")
        eventually(lambda: status_of(shell, "web") == "paused", within=60, every=0.2, what="the pause in the status")
    shell.run("stop web")
    assert status_of(shell, "web") == "stopped"


def test_a_hook_runs_in_the_container_as_the_user_that_it_names(shell: Shell) -> None:
    assert shell.run("exec reader -- cat /tmp/hook").stdout == "info more\n12\n"


def test_the_processes_and_ports_of_a_container_are_shown(shell: Shell) -> None:
    rows = json.loads(shell.run("top --json web.1").stdout)
    assert {row["instance"] for row in rows} == {"web.1"}
    assert any("echo tick" in row["command"] for row in rows)
    assert shell.run("port web 80").stdout == shell.run("port web http").stdout
    assert "80/tcp -> 127.0.0.1:" in shell.run("port web").stdout


def test_a_container_runs_once_more_beside_its_instances(shell: Shell, engine: TestEngine) -> None:
    done = shell.run("run --rm -e LEVEL=debug web -- env")
    assert "LEVEL=debug" in done.stdout
    shell.run("run --rm web -- sh -c exit${IFS}7", code=7)
    assert [each["Names"][0] for each in engine.containers() if "-run-" in each["Names"][0]] == []
    assert shell.run("run -u 12:34 web -- id -u").stdout == "12\n"
    assert len([each for each in engine.containers() if "-run-" in each["Names"][0]]) == 1


def test_files_are_copied_to_and_from_a_container(shell: Shell) -> None:
    (shell.folder / "in").mkdir()
    (shell.folder / "in/a.txt").write_text("a")
    (shell.folder / "in/link").symlink_to("a.txt")
    shell.run("cp in web:/tmp")
    assert shell.run("exec web -- cat /tmp/in/link").stdout == "a"
    shell.run("cp in/a.txt web:/tmp/b.txt")
    shell.run("cp web.1:/tmp/b.txt out.txt")
    assert (shell.folder / "out.txt").read_text() == "a"
    shell.run("cp web:/tmp/in/. web-in")
    assert (shell.folder / "web-in/link").is_symlink()
    shell.run("cp -L web:/tmp/in/link followed.txt")
    assert (shell.folder / "followed.txt").read_text() == "a"
    assert "there is no /no/such" in shell.run("cp web:/no/such .", code=2).stderr


def test_what_is_typed_reaches_a_container_that_takes_input(shell: Shell) -> None:
    argv = [sys.executable, "-m", "devctl", "attach", "reader"]
    attached = subprocess.Popen(argv, cwd=shell.folder, env=shell.environ, stdin=subprocess.PIPE)
    try:
        assert attached.stdin
        attached.stdin.write(b"hello\n")
        attached.stdin.flush()
        eventually(lambda: "heard hello" in shell.run("logs reader").stdout, within=60, what="what the container heard")
    finally:
        attached.kill()
        attached.communicate()
