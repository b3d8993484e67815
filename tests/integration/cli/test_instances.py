"""Services and single instances are held and let go on, looked into, and asked for their ports."""

import json
from pathlib import Path

import pytest

from tests.integration.cli.shell import Shell
from tests.waiting import eventually

MANIFEST = """\
name: demo
telemetry: off
services:
  api:
    command:
      - ${python}
      - -c
      - |
        import os, socketserver, subprocess, sys
        subprocess.Popen(["sleep", "600"])
        socketserver.TCPServer.allow_reuse_address = True
        socketserver.TCPServer(("127.0.0.1", int(os.environ["PORT"])), None).serve_forever()
    ports: {http: auto}
    healthcheck: {tcp: http, interval: 100ms, timeout: 200ms}
    deploy: {replicas: 2}
    stop_grace_period: 20s
  quiet: {command: [sleep, "600"]}
"""


@pytest.fixture
def shell(shell: Shell) -> Shell:
    (shell.folder / "stack.yaml").write_text(MANIFEST)
    shell.run("up -d")
    return shell


def status_of(shell: Shell, service: str, code: int = 0) -> dict[str, str]:
    views = json.loads(shell.run("status --json", code).stdout)["services"]
    view = next(view for view in views if view["name"] == service)
    return {each["id"]: each["status"] for each in view["instances"]}


def states(shell: Shell, instance: str) -> set[str]:
    """Return the states of proc(5) of the processes of an instance."""
    rows = json.loads(shell.run(f"top --json {instance}").stdout)
    return {Path(f"/proc/{row['pid']}/stat").read_text().rpartition(")")[2].split()[0] for row in rows}


def test_one_instance_is_held_with_all_its_processes_and_goes_on_healthy(shell: Shell) -> None:
    assert json.loads(shell.run("pause --json api.2").stdout) == {"paused": ["api.2"]}
    assert states(shell, "api.2") == {"T"}
    assert "T" not in states(shell, "api.1")
    assert status_of(shell, "api", code=1) == {"api.1": "healthy", "api.2": "paused"}
    assert "api.2 is paused" in shell.run("status", code=1).stdout
    assert "nothing of api.2 runs that is not paused" in shell.run("pause api.2", code=1).stderr
    assert "Unpaused api.2." in shell.run("unpause").stderr
    assert "T" not in states(shell, "api.2")
    assert status_of(shell, "api") == {"api.1": "healthy", "api.2": "healthy"}
    assert "nothing is paused" in shell.run("unpause", code=1).stderr


def test_a_paused_service_stays_paused_when_the_supervisor_is_killed(shell: Shell) -> None:
    shell.run("pause quiet")
    shell.kill_supervisor()
    assert status_of(shell, "quiet", code=1) == {"quiet.1": "paused"}
    shell.run("unpause quiet")
    assert status_of(shell, "quiet") == {"quiet.1": "running"}


def test_what_is_paused_is_stopped_and_restarted_in_order(shell: Shell) -> None:
    shell.run("pause api quiet")
    shell.run("restart api")
    assert status_of(shell, "api", code=1) == {"api.1": "healthy", "api.2": "healthy"}
    shell.run("stop quiet")
    events = next(shell.folder.glob(".devctl/runs/2*/events.jsonl")).read_text().splitlines()
    stops = [event for event in map(json.loads, events) if event["type"] == "instance_stopped"]
    assert [stop["killed"] for stop in stops] == [[], [], []]


def test_why_names_the_pause_and_how_it_ends(shell: Shell) -> None:
    shell.run("pause quiet")
    answer = shell.run("why quiet", code=1).stdout
    assert "quiet is paused" in answer
    assert "devctl unpause quiet" in answer


def test_top_lists_every_process_of_an_instance(shell: Shell) -> None:
    def commands() -> list[str]:
        rows = json.loads(shell.run("top --json api.1").stdout)
        return [row["command"] for row in rows if row["instance"] == "api.1"]

    eventually(lambda: "sleep 600" in commands(), within=30, what="the child of api.1")
    assert len(commands()) == 2
    table = shell.run("top").stdout
    assert "INSTANCE" in table
    assert "quiet.1" in table


def test_port_prints_the_address_of_a_service_or_an_instance(shell: Shell) -> None:
    address = shell.run("port api http").stdout.strip()
    host, _, number = address.partition(":")
    assert (host, number.isdigit()) == ("127.0.0.1", True)
    first, second = (json.loads(shell.run(f"port --json {each}").stdout) for each in ("api.1", "api.2"))
    assert first["http"] != second["http"]
    assert f"http  {address}" in shell.run("port api.1").stdout
    assert "quiet has no port" in shell.run("port quiet", code=1).stderr
    assert "api has no port 'grpc'" in shell.run("port api grpc", code=2).stderr


def test_a_name_that_is_neither_a_service_nor_an_instance_is_refused(shell: Shell) -> None:
    for line in ("pause", "unpause", "top", "port"):
        assert "Did you mean 'api'?" in shell.run(f"{line} apo", code=2).stderr
        assert "there is no instance 'api.9'" in shell.run(f"{line} api.9", code=2).stderr
