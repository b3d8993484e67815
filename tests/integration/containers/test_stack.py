"""Whole stacks of containers, started and asked by the command line."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine import IMAGE, PYTHON, TestEngine
from tests.integration.cli.shell import Shell
from tests.integration.containers.stack import bring_up
from tests.integration.supervisor.conftest import kill
from tests.waiting import eventually

pytestmark = [pytest.mark.xdist_group("engine"), pytest.mark.timeout(240)]

MANIFEST = f"""\
name: mixed
telemetry: off
services:
  web:
    image: {IMAGE}
    stop_grace_period: 100ms
    command: [{PYTHON}, -u, -m, http.server, "80"]
    ports: {{http: "auto:80"}}
    healthcheck: {{http: /}}
    environment: {{PEER: "${{services.native.http}}"}}
  checked:
    image: {IMAGE}
    stop_grace_period: 100ms
    command: [sleep, "600"]
    healthcheck: {{test: [CMD, id, -u]}}
    depends_on: {{web: {{condition: service_healthy}}}}
    environment: {{WEB: "http://${{services.web.http}}"}}
  both:
    image: {IMAGE}
    stop_grace_period: 100ms
    command: [sleep, "600"]
    native: {{command: sleep 600}}
  native:
    command: [sleep, "600"]
    ports: {{http: auto}}
    environment: {{WEB: "http://${{services.web.http}}"}}
  lost:
    image: localhost:9/none/such:1
    command: [sleep, "600"]
    optional: true
"""


@pytest.fixture
def shell(engine: TestEngine, tmp_path: Path) -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="dc") as runtime:
        (tmp_path / "stack.yaml").write_text(MANIFEST)
        shell = Shell(tmp_path.resolve(), runtime)
        shell.environ["DOCKER_HOST"] = engine.url
        yield shell
        shell.run("down --now --volumes --yes")
        assert shell.is_empty()
        engine.clean()


def services(shell: Shell, code: int = 0) -> dict[str, dict[str, Any]]:
    return {view["name"]: view for view in json.loads(shell.run("status --json", code).stdout)["services"]}


def is_healthy(shell: Shell, name: str, restarts: int = 0) -> bool:
    """Whether a service is healthy after so many restarts at least."""
    try:
        view = services(shell)[name]
    except AssertionError:  # the stack is not healthy yet
        return False
    return bool(view["status"] == "healthy" and view["instances"][0]["restarts"] >= restarts)


def names(engine: TestEngine) -> list[str]:
    """Return the containers of services: without the forwarder."""
    return sorted(each["Names"][0] for each in engine.containers() if "devctl.instance" in each["Labels"])


def test_containers_and_processes_make_one_stack(shell: Shell, engine: TestEngine) -> None:
    bring_up(shell)
    views = services(shell)
    assert {name: (view["variant"], view["status"]) for name, view in views.items()} == {
        "relay": ("process", "healthy"),
        "web": ("container", "healthy"), "checked": ("container", "healthy"), "both": ("process", "running"),
        "native": ("process", "running"), "lost": ("", "unavailable"),
    }  # fmt: skip
    assert "the registry localhost:9 does not answer" in views["lost"]["reason"]
    (instance,) = views["web"]["instances"]
    assert (instance["pid"], len(instance["container"])) == (0, 64)
    assert instance["memory_bytes"] > 0
    address = views["web"]["ports"]["http"]
    assert f"WEB=http://{address}\n" in shell.run("exec native -- env").stdout
    assert "WEB=http://web:80\n" in shell.run("exec checked -- env").stdout
    assert shell.run("exec checked -- id -u").stdout == "0\n"
    shell.run("exec checked -- false", code=1)
    assert "GET / HTTP" in eventually(lambda: shell.run("logs web").stdout, what="a line of web")
    shell.run("down")
    assert names(engine) == []


def test_a_killed_supervisor_finds_its_containers_again(shell: Shell) -> None:
    bring_up(shell, "web")
    before = services(shell)["web"]["instances"]
    kill(json.loads(shell.run("status --json").stdout)["supervisor"]["pid"])
    after = services(shell)["web"]["instances"]
    assert [(i["container"], i["restarts"]) for i in after] == [(i["container"], 0) for i in before]
    shell.run("restart web")
    eventually(lambda: is_healthy(shell, "web"), within=60, every=0.2, what="web after a restart")


def test_a_container_that_dies_is_started_again_and_a_stop_is_not_undone(shell: Shell) -> None:
    bring_up(shell, "web")
    shell.run("kill web")
    eventually(lambda: is_healthy(shell, "web", restarts=1), within=60, every=0.2, what="web after its end")
    shell.run("stop web")
    assert services(shell, code=1)["web"]["status"] == "stopped"


def test_a_service_changes_between_process_and_container(shell: Shell, engine: TestEngine) -> None:
    bring_up(shell, "both")
    assert names(engine) == []
    bring_up(shell, "both --run-as container")
    assert names(engine) == ["/mixed-both-1"]
    assert services(shell)["both"]["variant"] == "container"
    bring_up(shell, "both")
    assert services(shell)["both"]["variant"] == "process"
    with engine.client() as api:
        assert "/mixed-both-1" not in [each["Names"][0] for each in api.containers()]
