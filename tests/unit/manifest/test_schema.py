"""stack.schema.json and docs/manifest.md come from the model and say the same as the loader."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from devctl import products
from devctl.manifest import model, schema
from devctl.manifest.__main__ import main
from devctl.manifest.load import LoadRequest, load
from devctl.manifest.shapes.objects import Object, Section, defaults_of
from devctl.paths import StackPaths
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
    assert is_right(SAMPLE.replace("uses: broker", "uses: kafka"))


def with_settings(name: str, settings: object) -> str:
    return json.dumps({"services": {"a": {"uses": name, "with": settings}}})


@pytest.mark.parametrize("name", sorted(products.names()))
def test_every_recipe_is_in_the_schema_with_its_settings_defaults_and_an_example(name: str, tmp_path: Path) -> None:
    product = products.find(name)
    assert product is not None
    definition = schema.json_schema()["$defs"][f"with.{name}"]
    assert set(definition["properties"]) == set(Object(product.settings).fields)
    assert all(part["description"] for part in definition["properties"].values())
    for key, default in defaults_of(product.settings).items():
        if isinstance(default, str | int) and default:
            assert definition["properties"][key]["default"] == default
    (example,) = definition["examples"]
    assert is_right(with_settings(name, example))
    for file in ("prometheus.yml", "dashboards/a.json"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("{}")
    (tmp_path / "stack.yaml").write_text(with_settings(name, example))
    assert load(LoadRequest(StackPaths(tmp_path))).spec.services["a"].uses == name


@pytest.mark.parametrize(
    ("uses", "settings"),
    [
        ("kafak", {}), ("kafka", {"topcs": {}}), ("kafka", {"topics": {"t": {"partitons": 3}}}),
        ("kafka", {"log_level": "LOUD"}), ("jaeger", {"max_traces": "many"}), ("postgres", {"databases": "one"}),
        ("rabbitmq", {"topics": {}}),
    ],
)  # fmt: skip
def test_a_recipe_or_a_setting_that_does_not_exist_does_not_fit_the_schema(uses: str, settings: object) -> None:
    assert not is_right(with_settings(uses, settings))


@pytest.mark.parametrize("text", [text for text, mistake in TABLE if "unknown key" in mistake and "broker" not in text])
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


def test_the_page_shows_no_address_of_an_object() -> None:
    assert "object at 0x" not in schema.reference_page()
