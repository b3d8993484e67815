"""`config`, `graph` and `plan`: the manifest as it is understood, with nothing secret in it."""

import json
from pathlib import Path

from tests.unit.cli.conftest import Run

MANIFEST = """\
name: shop
exporters:
  far: {otlp: "http://127.0.0.1:1/v1", headers: {api-key: s3cr3t-header}}
services:
  db: {command: [serve, "--password=${DB_PASSWORD}"], environment: {DB_PASSWORD: "${DB_PASSWORD}"}}
  api:
    command: [serve]
    ports: {http: auto}
    environment: {DATABASE_URL: "postgres://me:pa55word@db/x", PLAIN: visible}
    depends_on: [db]
"""
SECRETS = ("hunter22", "pa55word", "s3cr3t-header")


def write(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(MANIFEST)


def test_config_shows_no_secret_wherever_it_stands(run: Run, tmp_path: Path) -> None:
    write(tmp_path)
    for line in ("config", "config --json", "config --resolved", "config --resolved --json"):
        code, screen = run(line, None, DB_PASSWORD="hunter22")
        assert code == 0, screen.messages
        assert not [secret for secret in SECRETS if secret in screen.shown]
        assert "visible" in screen.shown
        assert "********" in screen.shown


def test_config_reveals_what_it_is_asked_to(run: Run, tmp_path: Path) -> None:
    write(tmp_path)
    for line in ("config --reveal", "config --reveal --resolved"):
        _, screen = run(line, None, DB_PASSWORD="hunter22")
        assert all(secret in screen.shown for secret in SECRETS)


def test_config_prints_a_manifest_that_can_be_loaded(run: Run, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "all.yaml").write_text(run("config --reveal", None, DB_PASSWORD="hunter22")[1].shown)
    code, screen = run("-f all.yaml config --reveal", None)
    assert (code, screen.messages) == (0, "")
    assert screen.shown == (tmp_path / "all.yaml").read_text()


def test_config_writes_what_was_not_quoted_without_quotes_also_where_secrets_are_masked(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "stack.yaml").write_text(
        "services: {a: {command: x, optional: true, ports: {http: 8000}, environment: {KEYS: '${volumes.keys}'}}}"
    )
    shown = run("config", None, TOKEN="hunter22")[1].shown
    assert "optional: true" in shown
    assert "http: 8000" in shown
    assert "KEYS: ${volumes.keys}" in shown


def test_config_lists_services_images_and_hashes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(
        "name: shop\nservices: {a: {command: x}, b: {image: 'alpine:3'}, c: {build: .}, d: {command: x, profiles: [p]}}"
    )
    assert run("config --services", None)[1].shown.split() == ["a", "b", "c"]
    assert run("config --services --profile p", None)[1].shown.split() == ["a", "b", "c", "d"]
    assert run("config --images", None)[1].shown.split() == ["alpine:3", "shop-c"]
    first = run("config --hash a", None)[1].shown
    assert [line.split()[0] for line in run("config --hash *", None)[1].shown.splitlines()] == ["a", "b", "c"]
    (tmp_path / "stack.yaml").write_text("name: shop\nservices: {a: {command: y}}")
    second = run("config --hash", None)[1].shown
    assert (first.split()[0], second.split()[0]) == ("a", "a")
    assert first != second


def test_config_shows_variables_that_are_empty(run: Run, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("services: {a: {command: x, environment: {EMPTY: ''}}}")
    for line in ("config --json", "config --resolved --json"):
        assert '"EMPTY": ""' in run(line, None)[1].shown


def test_config_of_one_service_shows_that_one(run: Run, tmp_path: Path) -> None:
    write(tmp_path)
    for line in ("config api --json", "config api --format json", "config api --resolved --json"):
        told = json.loads(run(line, None, DB_PASSWORD="hunter22")[1].shown)
        assert list(told["services"]) == ["api"]
    assert run("config ap", None, DB_PASSWORD="x")[0] == 2


def test_graph_is_drawn_as_dot_mermaid_and_json(run: Run, tmp_path: Path) -> None:
    write(tmp_path)
    assert '"api" -> "db" [label=started];' in run("graph", None)[1].shown
    assert "-->|started|" in run("graph --format mermaid", None)[1].shown
    edges = json.loads(run("graph --json", None)[1].shown)["edges"]
    assert {"service": "api", "depends_on": "db", "condition": "service_started"} in edges


def test_every_mistake_in_a_manifest_is_told_with_its_place(run: Run, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(
        "name: shop\nservices:\n  a: {comand: x}\n  b: {command: x, depends_on: [aa]}\n"
    )
    code, screen = run("config -q", None)
    assert code == 2
    assert "stack.yaml:3:7" in screen.messages
    assert "stack.yaml:4:" in screen.messages
    assert screen.shown == ""


def test_init_writes_a_manifest_that_is_understood_and_never_replaces_one(run: Run, tmp_path: Path) -> None:
    assert run("init", None)[0] == 2
    (tmp_path / "stack.yaml").unlink()
    assert run("init", None)[0] == 0
    assert run("config -q", None)[0] == 0


def test_init_writes_over_no_folder(run: Run) -> None:
    code, screen = run("init --force --output .", None)
    assert (code, "it is a folder" in screen.messages) == (2, True)


def test_the_schema_is_json(run: Run) -> None:
    assert json.loads(run("schema", None)[1].shown)["properties"]["services"]


def test_plan_and_up_tell_a_variant_that_was_kept_with_its_data(run: Run, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("services: {k: {uses: consul}}")
    volumes = tmp_path / ".devctl" / "volumes"
    volumes.mkdir(parents=True)
    (volumes / ".variants.json").write_text('{"k": ["embedded", "2026-01-31"]}')
    _, screen = run("plan", None)
    if "native" in json.loads(run("config --resolved --json", None)[1].shown)["services"]["k"]["variants"][0]["name"]:
        reason = "embedded, kept with its data since 2026-01-31; `--run-as native` changes it"
        assert f"start   k ({reason})" in screen.shown
        assert f"k runs as {reason}" in screen.messages
