"""A stack with services that have an image, on a machine without a container engine: nothing of an image runs here."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.test_up import Shell, is_alive
from tests.waiting import eventually

EVIL = "touch evil"
MANIFEST = f"""\
name: demo
telemetry: off
services:
  cache: {{image: "memcached:1.6", command: {EVIL}, ports: {{mem: auto}}, restart: always, deploy: {{replicas: 2}}}}
  shell: {{image: alpine, entrypoint: [sh, -c], command: [{EVIL}], healthcheck: {{test: {EVIL}}}}}
  job: {{build: ., command: {EVIL}, restart: no}}
  shy: {{image: alpine, command: {EVIL}, profiles: [shy]}}
  extra: {{image: alpine, command: {EVIL}, optional: true}}
  both: {{image: alpine, command: {EVIL}, native: {{command: sleep 600}}, healthcheck: {{test: {EVIL}}}}}
  api: {{command: sleep 600, depends_on: [cache]}}
  after: {{command: sleep 600, depends_on: {{job: {{condition: service_completed_successfully}}}}}}
  soft:
    command: sleep 600
    environment: {{CACHE: "${{services.cache.mem}}"}}
    depends_on: {{extra: {{condition: service_healthy, required: false}}}}
"""
REASON = "DOCKER_HOST at /nowhere/engine.sock does not run"
SAY_NATIVE = "say how it runs on this machine: native: {command: [...]}"
NEXT = f"Start it, or unset what names it. Or {SAY_NATIVE}"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="dc") as runtime:
        (tmp_path / "stack.yaml").write_text(MANIFEST)
        made = Shell(tmp_path.resolve(), runtime)
        made.environ["DOCKER_HOST"] = "unix:///nowhere/engine.sock"
        yield made
        made.run("down --now")
        assert made.is_empty()


def services(shell: Shell) -> dict[str, dict[str, Any]]:
    done = shell.run("status --json", code=1)
    return {view["name"]: view for view in json.loads(done.stdout)["services"]}


@pytest.mark.parametrize("run_as", ["auto", "container", "process", "native", "embedded"])
def test_up_runs_nothing_of_an_image_and_says_so_whatever_it_is_asked_to_run_as(shell: Shell, run_as: str) -> None:
    done = shell.run(f"up -d --run-as {run_as}", code=1)
    assert SAY_NATIVE in done.stderr
    both = "unavailable" if run_as == "container" else "running"
    assert {name: view["status"] for name, view in services(shell).items()} == {
        "cache": "unavailable", "shell": "unavailable", "job": "unavailable", "extra": "unavailable", "both": both,
        "api": "blocked", "after": "blocked", "soft": "running",
    }  # fmt: skip
    shell.run("up -d shy", code=1)
    for line in ("start shell", "restart shell", "restart job", "wait shell", "exec shell -- true"):
        assert shell.run(line, code=3 if line.startswith("exec") else 1).stderr
    assert not (shell.folder / "evil").exists()


def test_reasons_and_what_to_do_stand_in_plan_status_why_and_exec(shell: Shell) -> None:
    plan = shell.run("plan").stdout
    assert f"skip    cache: cannot be had: {REASON}" in plan
    assert "start   both: asked for" in plan
    shell.run("up -d", code=1)
    cache = services(shell)["cache"]
    assert (cache["reason"], cache["cure"]) == (f"container: {REASON}", NEXT)
    assert [instance["pid"] for instance in cache["instances"]] == [0, 0]
    assert services(shell)["both"]["why_variant"] == "the first that can be had here"
    why = " ".join(shell.run("why api", code=1).stdout.split())
    assert f"cache cannot be had on this machine: container: {REASON}" in why
    assert f"next: {NEXT}" in why
    for line in ("exec cache -- true", "exec cache.2 -- true", "env cache"):
        assert f"cache is unavailable: container: {REASON}\n  {NEXT}" in shell.run(line, code=3).stderr


def test_doctor_names_the_services_that_need_a_container(shell: Shell) -> None:
    checks = json.loads(shell.run("doctor --json", code=3).stdout)["machine"]
    assert {c["name"]: c["state"] for c in checks if c["name"].startswith("service ")} == {
        "service cache": "bad", "service shell": "bad", "service job": "bad", "service extra": "note",
    }  # fmt: skip
    assert {(c["found"], c["cure"]) for c in checks if c["name"].startswith("service ")} == {(REASON, NEXT)}


def test_what_ran_as_a_program_stops_when_it_becomes_an_image(shell: Shell) -> None:
    (shell.folder / "stack.yaml").write_text("telemetry: off\nservices: {a: {command: sleep 600}}\n")
    shell.run("up -d")
    (instance,) = json.loads(shell.run("status --json").stdout)["services"][0]["instances"]
    (shell.folder / "stack.yaml").write_text("telemetry: off\nservices: {a: {command: touch evil, image: alpine}}\n")
    shell.run("up -d", code=1)
    eventually(lambda: not is_alive(instance["pid"]), what="the end of the program")
    eventually(lambda: services(shell)["a"]["status"] == "unavailable", what="unavailable")
    assert not (shell.folder / "evil").exists()
    (shell.folder / "stack.yaml").write_text(
        "telemetry: off\nservices: {a: {native: {command: sleep 600}, image: a}}\n"
    )
    shell.run("up -d")
