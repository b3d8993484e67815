"""Images of a stack, built and pulled on a real engine; what they are pulled from is an emulator of a registry."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine import IMAGE, PYTHON, TestEngine
from tests.integration.cli.shell import Shell
from tests.integration.containers.registry import Registry
from tests.integration.containers.stack import bring_up

pytestmark = [pytest.mark.xdist_group("engine"), pytest.mark.timeout(600)]

DOCKERFILE = f"""\
FROM {IMAGE} AS base
ARG WHO=nobody
RUN echo \\
    $WHO > /who
COPY text /srv/text
CMD ["{PYTHON}", "-u", "-m", "http.server", "80", "-d", "/srv"]
FROM base AS broken
RUN echo a last word; exit 7
"""
MANIFEST = """\
name: made
telemetry: off
services:
  web:
    build: {context: ., target: base, args: {WHO: someone}}
    stop_grace_period: 100ms
    native: {command: sleep 600}
    run_as: container
  broken:
    profiles: [broken]
    build: {context: ., target: broken}
  spare:
    profiles: [spare]
    optional: true
    build: {context: ., target: broken}
"""


@pytest.fixture
def shell(engine: TestEngine, tmp_path: Path) -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="dc") as runtime:
        (tmp_path / "stack.yaml").write_text(MANIFEST)
        (tmp_path / "Dockerfile").write_text(DOCKERFILE)
        (tmp_path / "text").write_text("first")
        shell = Shell(tmp_path.resolve(), runtime)
        shell.environ["DOCKER_HOST"] = engine.url
        shell.seconds = 240  # an engine under load takes its time for each step of a build
        yield shell
        shell.run("down --now --volumes --yes")
        assert shell.is_empty()
        engine.clean()


def results(shell: Shell, line: str, code: int = 0) -> list[dict[str, Any]]:
    """Return what a command says in JSON, without progress."""
    items = [json.loads(each) for each in shell.run(f"{line} --json", code).stdout.splitlines()]
    return [item for item in items if item["type"] != "progress"]


def text_of(shell: Shell) -> str:
    return shell.run("exec web -- cat /srv/text").stdout


def ids(shell: Shell) -> list[str]:
    """Return the containers that there are."""
    views = json.loads(shell.run("status --json").stdout)["services"]
    return [instance["container"] for view in views for instance in view["instances"] if instance["container"]]


def test_an_image_is_built_again_only_where_its_sources_have_changed(shell: Shell, engine: TestEngine) -> None:
    (first,) = results(shell, "build")
    assert (first["services"], first["image"], first["state"]) == (["web"], "made-web", "built")
    (again,) = results(shell, "build")
    assert (again["state"], again["id"]) == ("unchanged", first["id"])
    (shell.folder / "text").write_text("second")
    (second,) = results(shell, "build")
    assert second["state"] == "built"
    assert second["id"] != first["id"]
    with engine.client() as api:
        labels = api.inspect_image("made-web")["Config"]["Labels"]
    assert (labels["com.docker.compose.project"], labels["com.docker.compose.service"]) == ("made", "web")


def test_up_builds_what_is_missing_and_with_build_what_has_changed(shell: Shell, engine: TestEngine) -> None:
    with engine.client() as api:
        for image in api.images(name="made-web"):
            api.remove_image(image["Id"], force=True)
    bring_up(shell)
    assert text_of(shell) == "first"
    before = ids(shell)
    (shell.folder / "text").write_text("second")
    bring_up(shell)
    assert text_of(shell) == "first"
    assert ids(shell) == before
    bring_up(shell, "--build")
    assert text_of(shell) == "second"
    before = ids(shell)
    bring_up(shell, "--build")
    assert ids(shell) == before


def test_a_step_that_fails_is_named_with_its_line_and_last_output(shell: Shell) -> None:
    dockerfile = shell.folder / "Dockerfile"
    (failure,) = results(shell, "build broken", code=1)
    line = dockerfile.read_text().splitlines().index("RUN echo a last word; exit 7") + 1
    assert (failure["where"], failure["step"]) == (f"{dockerfile}:{line}", "RUN echo a last word; exit 7")
    assert failure["lines"] == ["a last word"]
    assert "ended with 7" in failure["reason"]
    error = shell.run("up -d broken", code=1).stderr
    assert f"{dockerfile}:{line}: " in error
    assert "a last word" in error


def test_an_optional_service_goes_without_its_image(shell: Shell) -> None:
    assert "ended with 7" in shell.run("up -d --no-wait spare").stderr
    (view,) = (v for v in json.loads(shell.run("status --json", code=1).stdout)["services"] if v["name"] == "spare")
    assert view["status"] == "unavailable"
    assert "ended with 7" in view["reason"]


@pytest.mark.parametrize(
    ("dockerfile", "code", "line", "reason"),
    [
        (f"FROM {IMAGE}\n\nFOO x\n", 1, ":3", "unknown instruction"),
        (f"FROM {IMAGE}\nCOPY none /x\n", 1, ":2", "none"),
        ("\nFROM localhost:9/none:1\n", 3, ":2", "the registry localhost:9 does not answer"),
        (None, 1, "", "No such file"),
    ],
)
def test_a_dockerfile_that_cannot_be_built_is_named_with_its_line(
    shell: Shell, dockerfile: str | None, code: int, line: str, reason: str
) -> None:
    path = shell.folder / "Dockerfile"
    if dockerfile is None:
        path.unlink()
    else:
        path.write_text(dockerfile)
    (shell.folder / "stack.yaml").write_text("telemetry: off\nservices: {a: {build: .}}\n")
    (failure,) = results(shell, "build", code)
    assert failure["where"] == f"{path}{line}"
    assert reason in failure["reason"]


def test_an_image_is_pulled_again_where_the_registry_has_another(shell: Shell, engine: TestEngine) -> None:
    with Registry() as registry:
        (shell.folder / "stack.yaml").write_text(
            f"telemetry: off\nservices: {{a: {{image: '{registry.image}'}}, "
            "lost: {image: 'localhost:9/none:1'}, made: {build: .}}\n"
        )
        registry.publish("one")
        first = results(shell, "pull a")
        assert [each["state"] for each in first] == ["pulled"]
        assert results(shell, "pull a")[0]["state"] == "unchanged"
        registry.publish("two")
        by_name = {each["services"][0]: each for each in results(shell, "pull", code=3)}
        assert by_name["a"]["state"] == "pulled"
        assert by_name["a"]["id"] != first[0]["id"]
        assert by_name["lost"]["reason"] == "the registry localhost:9 does not answer"
        assert "made" not in by_name
        assert f"{registry.image}  unchanged" in shell.run("pull a").stdout
