"""stack.schema.json and docs/manifest.md come from the model and say the same as the loader."""

from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from devctl.manifest import model, schema
from devctl.manifest.__main__ import main
from devctl.manifest.shapes.objects import Object, Section
from tests.unit.manifest.sample import SAMPLE
from tests.unit.manifest.test_mistakes import TABLE

ROOT = Path(__file__).parents[3]
PARTS = [
    part
    for part in vars(model).values()
    if isinstance(part, type) and issubclass(part, Section) and part is not Section
]


class CoreLoader(yaml.SafeLoader):
    """Reads as an editor does: by YAML 1.2, where `no` and `on` are texts."""


CoreLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool") or first in "tTfF"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def is_right(text: str) -> bool:
    validator = jsonschema_rs.validator_for(schema.json_schema())
    return bool(validator.is_valid(yaml.load(text, Loader=CoreLoader)))


def test_the_committed_files_are_the_generated_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["--check"]) == 0


def test_the_generator_writes_what_it_then_finds_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [main(["--check"]), main(["--write"]), main(["--check"]), main([])] == [1, 0, 0, 2]


def test_a_manifest_that_uses_everything_fits_the_schema() -> None:
    assert is_right(SAMPLE)


@pytest.mark.parametrize(
    "text", [text for text, mistake in TABLE if "unknown key" in mistake and "with" not in mistake]
)
def test_an_unknown_key_does_not_fit_the_schema(text: str) -> None:
    assert not is_right(text)


@pytest.mark.parametrize(
    "service",
    [
        "{command: x, ports: [80]}", "{command: x, ports: {http: 99999}}", "{command: x, restart: maybe}",
        "{command: x, optional: yes}", "{command: []}", "{command: x, healthcheck: {interval: 5}}",
        "{command: x, deploy: {replicas: -1}}", "{command: x, depends_on: {a: {condition: ready}}}", "{uses: [a]}",
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_form_does_not_fit_the_schema(service: str) -> None:
    assert not is_right(f"services: {{a: {service}}}")


@pytest.mark.parametrize("part", PARTS)
def test_every_field_explains_itself(part: type) -> None:
    texts = schema.field_texts(part)
    assert {name for name, _ in Object(part).fields.values()} == set(texts)
    assert all(text.endswith(".") for text in texts.values())
    assert schema.summary(part)
