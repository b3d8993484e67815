"""A first stack.yaml: the template starts as it is, and a Compose file is taken over with a list of the rest."""

from pathlib import Path

import pytest
import yaml

from devctl.manifest.compose import convert, template
from devctl.manifest.problems import ManifestError
from tests.unit.manifest.loading import load_text

COMPOSE = """\
version: "3.8"
name: demo
x-common: &common {restart: unless-stopped}
services:
  db:
    image: docker.io/library/postgres:16-alpine
    environment: {POSTGRES_PASSWORD: x}
    ports: ["5432:5432"]
    volumes: [data:/var/lib/postgresql/data]
  api:
    <<: *common
    build: {context: ., cache_from: [x]}
    command: ["python", "-m", "api", "$$HOME"]
    ports: ["127.0.0.1:${PORT:-8000}:8000"]
    environment:
      DB: postgres://db:5432/x
      VERSION: 1.10
      CODE: "010"
    depends_on: {db: {condition: service_healthy}}
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:8000/h"], interval: 10s}
    networks: [back]
    deploy: {replicas: 1, resources: {limits: {cpus: "0.5"}}}
  worker:
    image: worker:1
    ports: [9000, "9100:9101/tcp", "9200-9210:9200-9210", {target: 7000, published: "7001"}]
    volumes: ["./conf:/etc/conf:ro", "/etc/passwd:/x"]
    scale: 1
volumes: {data: {driver: local}}
networks: {back: }
"""


def converted(folder: Path, text: str) -> tuple[str, list[str]]:
    (folder / "compose.yaml").write_text(text)
    result = convert(folder / "compose.yaml")
    return result.text, [str(note) for note in result.notes]


def test_what_compose_and_the_manifest_share_is_taken_over(tmp_path: Path) -> None:
    text, _ = converted(tmp_path, COMPOSE)
    here = text.replace("uses: postgres", "uses: broker").replace("  api:\n", "  api:\n    native: {command: api}\n")
    spec = load_text(tmp_path, here).spec
    api = spec.services["api"]
    assert spec.name == "demo"
    assert api.variants[0].environment == {"DB": "postgres://db:5432/x", "VERSION": "1.10", "CODE": "010"}
    assert [(port.name, port.number) for port in api.ports] == [("http", 8000)]
    assert (api.restart.condition, api.depends_on[0].condition) == ("unless-stopped", "service_healthy")
    assert [(port.name, port.number) for port in spec.services["worker"].ports] == [
        ("p9000", 0), ("p9101", 9100), ("p7000", 7001),
    ]  # fmt: skip


def test_the_words_of_an_image_are_kept_and_run_nowhere(tmp_path: Path) -> None:
    text, notes = converted(
        tmp_path,
        "services: {a: {image: 'alpine:3', entrypoint: [sh, -c], command: [evil, $$HOME], working_dir: /app, "
        "healthcheck: {test: evil}}, b: {build: ., entrypoint: evil}, c: {entrypoint: evil, command: evil}}",
    )
    kept = yaml.safe_load(text)["services"]
    assert kept["a"] == {
        "image": "alpine:3", "entrypoint": ["sh", "-c"], "command": ["evil", "$$HOME"], "working_dir": "/app",
        "healthcheck": {"test": "evil"},
    }  # fmt: skip
    assert kept["b"] == {"build": ".", "entrypoint": "evil"}
    spec = load_text(tmp_path, text).spec
    assert [spec.services[name].variants for name in "ab"] == [(), ()]
    assert notes == [
        "compose.yaml:1:162: services.c was left out (it has no image that can be run, and its command is an image's)",
    ]


def test_a_folder_of_an_image_that_becomes_a_recipe_is_left_out(tmp_path: Path) -> None:
    text, notes = converted(tmp_path, "services: {a: {image: consul, working_dir: /app}}")
    assert yaml.safe_load(text)["services"]["a"] == {"uses": "consul"}
    assert notes[1:] == ["compose.yaml:1:44: services.a.working_dir was left out (the recipe consul brings it)"]


def test_an_image_that_devctl_knows_becomes_a_recipe(tmp_path: Path) -> None:
    text, _ = converted(tmp_path, COMPOSE)
    assert "  db:\n    uses: postgres\n" in text


def test_everything_that_is_left_out_is_named_with_its_line(tmp_path: Path) -> None:
    _, notes = converted(tmp_path, COMPOSE)
    assert [note.removeprefix("compose.yaml:").split(" (")[0] for note in notes] == [
        "1:1: version was left out",
        "29:1: networks was left out",
        "6:12: services.db.image: docker.io/library/postgres:16-alpine is the recipe postgres now",
        "7:19: services.db.environment.POSTGRES_PASSWORD was left out",
        "9:15: services.db.volumes: data:/var/lib/postgresql/data was left out",
        "12:25: services.api.build.cache_from was left out",
        "21:5: services.api.networks was left out",
        "25:36: services.worker.ports: 9200-9210:9200-9210 was left out",
        "26:38: services.worker.volumes: /etc/passwd was left out",
        "28:18: volumes.data.driver was left out",
        "16:11: services.api: db:5432 is no address here",
    ]


@pytest.mark.parametrize(
    "text", ["", "services: []", "services: {a: 3}", "services: {a: {ports: x, deploy: 3, volumes: 2}}", "x"]
)
def test_an_odd_compose_file_is_no_trouble(tmp_path: Path, text: str) -> None:
    try:
        written, _ = converted(tmp_path, text)
    except ManifestError as error:
        written = str(error)
    assert written


def test_the_template_can_be_loaded_as_it_is(tmp_path: Path) -> None:
    spec = load_text(tmp_path, template("My App")).spec
    assert spec.services["web"].ports[0].number == 0
