"""What every recipe must keep, whichever product it is of, and what each one says in particular."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from devctl import recipes
from devctl.core.spec import Port, Service, Variant, digest, fill, references
from devctl.recipes.base import Context, Recipe
from devctl.recipes.kafka import Topic
from devctl.tools import catalog

OTHERS = {
    "order": Service("order", ports=(Port("http", 8103),), metrics="/metrics"),
    "worker": Service("worker", ports=(Port("admin"), Port("http")), metrics="/m?format=text"),
    "quiet": Service("quiet", ports=(Port("http"),)),
    "prometheus": Service("prometheus", uses="prometheus", ports=(Port("http", 9090),), metrics="/metrics"),
    "jaeger": Service("jaeger", uses="jaeger", ports=(Port("ui"), Port("otlp"))),
}
VARIANTS = [
    pytest.param(recipe, variant, id=f"{recipe.name}-{variant}")
    for name in recipes.names()
    if (recipe := recipes.find(name))
    for variant in recipe.variants
]


def context(service: str, files: dict[str, str] | None = None, *, telemetry: bool = True) -> Context:
    known = files or {}
    return Context(
        service=service,
        folder="/project",
        data=f"/project/.devctl/volumes/{service}",
        python="/venv/bin/python",
        services=OTHERS,
        read=lambda path: known[path.removeprefix("/project/")],
        files=lambda folder: sorted(f"/project/{path}" for path in known if path.startswith(folder)),
        telemetry=telemetry,
    )


def expand(recipe: Recipe, variant: str, **settings: Any) -> Variant:
    return recipe.expand(recipe.settings(**settings), variant, context(recipe.name))


def texts(variant: Variant) -> list[str]:
    files = [text for file in variant.files for text in (file.path, file.content)]
    return [*variant.argv, *variant.environment.values(), *files, variant.working_dir]


@pytest.mark.parametrize(("recipe", "kind"), VARIANTS)
def test_a_variant_refers_to_nothing_that_is_not_there(recipe: Recipe, kind: str) -> None:
    variant = expand(recipe, kind)
    own = {f"services.{recipe.name}.{port.name}" for port in (*recipe.ports, *variant.ports)}
    others = {f"services.{name}.{port.name}" for name, one in OTHERS.items() for port in one.ports}
    others |= {f"services.{name}.variant" for name in (*OTHERS, "hub")}
    known = own | others | {f"tools.{tool}" for tool in variant.tools} | {"run.folder", "services.hub.otlp"}
    for text in texts(variant):
        for dotted in references(text):
            assert dotted.removesuffix(".port").removesuffix(".host").removesuffix(".all") in known
    assert set(variant.tools) <= set(catalog.names())


@pytest.mark.parametrize(("recipe", "kind"), VARIANTS)
def test_a_variant_names_no_address_but_loopback_and_writes_only_into_its_own_volume(recipe: Recipe, kind: str) -> None:
    variant = expand(recipe, kind)
    assert not any("0.0.0.0" in text or "[::]" in text for text in texts(variant))
    for path in [*variant.folders, *(file.path for file in variant.files), variant.working_dir]:
        assert path.startswith(f"/project/.devctl/volumes/{recipe.name}")


@pytest.mark.parametrize(("recipe", "kind"), VARIANTS)
def test_a_recipe_has_a_check_a_page_that_exists_and_a_cure(recipe: Recipe, kind: str) -> None:
    variant = expand(recipe, kind)
    assert variant.check is not None
    ports = {port.name for port in (*recipe.ports, *variant.ports)}
    assert variant.check.port in ports | {""}
    assert recipe.page in ports | {""}
    assert recipe.cure
    if "embedded" in recipe.variants:
        assert recipe.lacks
        assert expand(recipe, "embedded").note


def test_an_unknown_product_has_no_recipe() -> None:
    assert recipes.find("kafak") is None
    assert recipes.find("base") is None


def test_kafkas_topics_are_made_and_checked() -> None:
    recipe = recipes.find("kafka")
    assert recipe is not None
    for kind in recipe.variants:
        variant = expand(recipe, kind, topics={"b": Topic(6), "a": Topic(1, {"retention.ms": "1000"})})
        assert variant.check is not None
        assert variant.check.argv == ("a", "b")
        (file,) = [f for f in variant.files if f.live]
        assert variant.argv[variant.argv.index("--topics") + 1] == file.path
        assert json.loads(file.content)["b"] == {"partitions": 6, "config": {}}


@pytest.mark.parametrize("kind", ["native", "embedded"])
def test_a_new_topic_is_no_other_definition_but_made_on_the_broker_that_runs(kind: str) -> None:
    recipe = recipes.find("kafka")
    assert recipe is not None
    before, after = (expand(recipe, kind, topics=dict.fromkeys(names, Topic())) for names in ("a", "ab"))
    assert digest(Service("kafka", (before,)), before) == digest(Service("kafka", (after,)), after)
    assert "devctl.tools.kafka_topics" in after.on_change


@pytest.mark.parametrize(
    "settings",
    [{"topics": {"a b": Topic()}}, {"topics": {"..": Topic()}}, {"topics": {"a": Topic(0)}}, {"heap": "lots"}],
)
def test_what_kafka_would_refuse_is_refused_before_it_starts(settings: dict[str, Any]) -> None:
    recipe = recipes.find("kafka")
    assert recipe is not None
    with pytest.raises(ValueError, match=r"topics|heap"):
        expand(recipe, "native", **settings)


def test_consuls_ports_are_numbers_and_scripts_are_off() -> None:
    recipe = recipes.find("consul")
    assert recipe is not None
    (file,) = expand(recipe, "native", config={"datacenter": "here"}).files
    numbers = {f"services.consul.{port}.port": str(n) for n, port in enumerate(("http", "rpc", "serf"), 1)}
    config = json.loads(fill(file.content, numbers))
    assert (config["ports"]["http"], config["ports"]["server"], config["ports"]["serf_lan"]) == (1, 2, 3)
    assert config["client_addr"] == config["bind_addr"] == "127.0.0.1"
    assert (config["enable_script_checks"], config["disable_update_check"], config["datacenter"]) == (
        False,
        True,
        "here",
    )


def prometheus_files(files: dict[str, str], *, telemetry: bool = True, **settings: Any) -> dict[str, str]:
    recipe = recipes.find("prometheus")
    assert recipe is not None
    where = context("prometheus", files, telemetry=telemetry)
    variant = recipe.expand(recipe.settings(**settings), "native", where)
    return {Path(file.path).name: file.content for file in variant.files}


def test_prometheus_finds_all_instances_of_every_service_with_metrics() -> None:
    words = {
        "services.order.http.all": "127.0.0.1:1,127.0.0.1:2",
        "services.worker.http.all": "127.0.0.1:3",
        "services.prometheus.http.all": "127.0.0.1:4",
        "services.hub.otlp.all": "127.0.0.1:5",
        **{f"services.{name}.variant": "process" for name in (*OTHERS, "hub")},
    }
    groups = yaml.safe_load(fill(prometheus_files({})["targets.yml"], words))
    targets = {(group["labels"]["service"], group["labels"]["__metrics_path__"]): group["targets"] for group in groups}
    assert targets == {
        ("order", "/metrics"): ["127.0.0.1:1", "127.0.0.1:2"],
        ("worker", "/m?format=text"): ["127.0.0.1:3"],
        ("prometheus", "/metrics"): ["127.0.0.1:4"],
        ("hub", "/metrics"): ["127.0.0.1:5"],
        ("hub", "/metrics/otlp"): ["127.0.0.1:5"],
    }
    assert "hub" not in prometheus_files({}, telemetry=False)["targets.yml"]


def test_prometheus_keeps_what_the_user_configured_and_takes_the_rules_along() -> None:
    own = {
        "conf/prometheus.yml": "global: {scrape_interval: 1s}\nrule_files: [rules/*.yml]\n"
        "scrape_configs: [{job_name: mine, static_configs: [{targets: ['127.0.0.1:1']}]}]\n",
        "conf/rules/a.yml": "groups: []",
        "conf/tests/a.yml": "tests: []",
    }
    files = prometheus_files(own, config="conf/prometheus.yml")
    config = yaml.safe_load(files["prometheus.yml"])
    assert config["global"] == {"scrape_interval": "1s", "scrape_timeout": "4s", "evaluation_interval": "5s"}
    assert [job["job_name"] for job in config["scrape_configs"]] == ["mine", "services", "otlp"]
    assert (files["a.yml"], len(files)) == ("groups: []", 3)


@pytest.mark.parametrize("text", ["- a list", "a: [", "just text"])
def test_a_configuration_that_is_no_mapping_is_said_in_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"p\.yml is not"):
        prometheus_files({"p.yml": text}, config="p.yml")


def test_grafana_has_no_default_password_and_calls_nobody() -> None:
    recipe = recipes.find("grafana")
    assert recipe is not None
    environment = expand(recipe, "native").environment
    assert environment["GF_SECURITY_ADMIN_PASSWORD"].startswith("$__file{")
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert environment["GF_ANALYTICS_REPORTING_ENABLED"] == environment["GF_ANALYTICS_CHECK_FOR_UPDATES"] == "false"
    assert list(references(environment["JAEGER_URL"])) == ["services.jaeger.ui"]


def test_a_database_with_a_hostile_name_is_refused() -> None:
    recipe = recipes.find("postgres")
    assert recipe is not None
    with pytest.raises(ValueError, match="cannot be a name"):
        expand(recipe, "native", databases=("shop; DROP TABLE orders",))


def test_every_listener_of_jaeger_2_has_a_port_of_its_own() -> None:
    recipe = recipes.find("jaeger")
    assert recipe is not None
    variant = expand(recipe, "native")
    config = json.loads(variant.files[0].content.replace("\0", "@"))
    endpoints = [
        config["extensions"]["jaeger_query"]["http"]["endpoint"],
        config["extensions"]["jaeger_query"]["grpc"]["endpoint"],
        config["extensions"]["healthcheckv2"]["http"]["endpoint"],
        *(protocol["endpoint"] for protocol in config["receivers"]["otlp"]["protocols"].values()),
    ]
    assert len(set(endpoints)) == 5
    assert config["service"]["telemetry"]["metrics"]["level"] == "none"


def test_the_settings_of_every_recipe_are_frozen_dataclasses() -> None:
    for name in recipes.names():
        recipe = recipes.find(name)
        assert recipe is not None
        assert dataclasses.is_dataclass(recipe.settings)
        assert recipe.settings() == recipe.settings()


def test_grafanas_sources_stand_on_what_the_recipe_tells_it() -> None:
    recipe = recipes.find("grafana")
    assert recipe is not None
    folder = Path(__file__).parents[3] / "stack" / "grafana"
    text = "".join(file.read_text() for file in folder.rglob("*.yaml"))
    sources = yaml.safe_load((folder / "datasources" / "sources.yaml").read_text())["datasources"]
    assert [source["uid"] for source in sources] == ["prometheus", "jaeger"]
    assert sources[0]["jsonData"]["exemplarTraceIdDestinations"] == [{"name": "trace_id", "datasourceUid": "jaeger"}]
    variables = set(re.findall(r"(?<!\$)\$([A-Z_]+)", text))
    assert variables == {"PROMETHEUS_URL", "JAEGER_URL", "DASHBOARDS_FOLDER"}
    assert variables <= set(expand(recipe, "native").environment)
    for made in (expand(recipe, "native", dashboards="dashboards"), expand(recipe, "native")):
        assert all(isinstance(yaml.safe_load(file.content), dict) for file in made.files)
