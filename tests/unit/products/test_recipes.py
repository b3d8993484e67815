"""What every recipe must keep, whichever product it is of, and what each one says in particular."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from devctl import products
from devctl.core import status
from devctl.core.checks import CommandCheck, KafkaCheck, PortCheck
from devctl.core.launch import ports_of
from devctl.core.spec import Port, Service, Variant, digest, placeholders, substitute
from devctl.products import catalog
from devctl.products.base import Context, Product
from devctl.products.kafka.recipe import Topic

OTHERS = {
    "order": Service("order", ports=(Port("http", 8103),), metrics="/metrics"),
    "worker": Service("worker", ports=(Port("admin"), Port("http")), metrics="/m?format=text"),
    "quiet": Service("quiet", ports=(Port("http"),)),
    "prometheus": Service("prometheus", ports=(Port("http", 9090),), metrics="/metrics", provides={"promql": "http"}),
    "traces": Service("traces", ports=(Port("page"), Port("otlp")), provides={"jaeger": "page", "spans": "otlp"}),
    "queue": Service("queue", ports=(Port("amqp"), Port("stats")), metrics="/m", provides={"metrics": "stats"}),
}
PRODUCTS = [product for name in products.names() if (product := products.find(name))]
VARIANTS = [
    pytest.param(product, variant, id=f"{product.name}-{variant}")
    for product in PRODUCTS
    for variant in product.variants
]


def context(service: str, files: dict[str, str] | None = None, *, telemetry: bool = True) -> Context:
    texts = files or {}
    return Context(
        service=service,
        folder="/project",
        data=f"/project/.devctl/volumes/{service}",
        python="/venv/bin/python",
        services=OTHERS,
        read=lambda path: texts[path.removeprefix("/project/")],
        files=lambda folder: sorted(f"/project/{path}" for path in texts if path.startswith(folder)),
        telemetry=telemetry,
    )


def expand(product: Product | str, variant: str, **settings: Any) -> Variant:
    whole = product_of(product) if isinstance(product, str) else product
    return whole.variants[variant].expand(whole.settings(**settings), context(whole.name))


def product_of(name: str) -> Product:
    product = products.find(name)
    assert product is not None
    return product


def texts(variant: Variant) -> list[str]:
    files = [text for file in variant.files for text in (file.path, file.content)]
    return [*variant.argv, *variant.environment.values(), *files, variant.working_dir]


@pytest.mark.parametrize(("product", "kind"), VARIANTS)
def test_a_variant_refers_to_nothing_that_is_not_there(product: Product, kind: str) -> None:
    variant = expand(product, kind)
    names = {f"services.{product.name}.{port.name}" for port in (*product.ports, *variant.ports)}
    names |= {f"services.{name}.{port.name}" for name, each in OTHERS.items() for port in each.ports}
    names |= {f"services.{name}.variant" for name in (*OTHERS, "hub", "relay")}
    names |= {f"tools.{tool}" for tool in variant.tools} | {"run.folder", "services.hub.otlp", "services.relay.http"}
    for text in texts(variant):
        for dotted in placeholders(text):
            assert re.sub(r"\.(port|host|all|advertised)$", "", dotted) in names
    assert set(variant.tools) <= {tool.name for tool in product.tools} <= set(catalog.names())


@pytest.mark.parametrize(("product", "kind"), VARIANTS)
def test_a_variant_is_told_of_every_port_that_it_is_shown_with(product: Product, kind: str) -> None:
    variant = expand(product, kind)
    dotted_names = [name.split(".") for text in (*texts(variant), *variant.on_change) for name in placeholders(text)]
    told = {name[2] for name in dotted_names if name[:2] == ["services", product.name]}
    assert {port.name for port in ports_of(Service(product.name, ports=product.ports), variant)} <= told


@pytest.mark.parametrize(("product", "kind"), VARIANTS)
def test_a_variant_stays_on_loopback_and_writes_only_into_its_own_volume(product: Product, kind: str) -> None:
    variant = expand(product, kind)
    assert not any("0.0.0.0" in text or "[::]" in text for text in texts(variant))
    for path in [*variant.folders, *(file.path for file in variant.files), variant.working_dir]:
        assert path.startswith(f"/project/.devctl/volumes/{product.name}")


@pytest.mark.parametrize(("product", "kind"), VARIANTS)
def test_a_product_has_a_check_ports_that_exist_and_a_remedy(product: Product, kind: str) -> None:
    variant = expand(product, kind)
    assert variant.check is not None
    ports = {port.name for port in (*product.ports, *variant.ports)}
    assert not isinstance(variant.check, PortCheck) or variant.check.port in ports
    assert product.page in ports | {""}
    assert set(product.variants[kind].provides.values()) <= {port.name for port in product.ports}
    assert product.remedy
    if kind == "embedded":
        assert product.limitations
        assert variant.note


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_a_product_is_called_as_its_folder_and_has_frozen_settings_and_images(product: Product) -> None:
    assert products.find(product.name) is product
    assert product.order == tuple(name for name in status.VARIANTS if name in product.variants)
    assert dataclasses.is_dataclass(product.settings)
    assert product.settings() == product.settings()
    assert any(re.fullmatch(pattern, image(product.name)) for pattern in product.images)


def image(name: str) -> str:
    return {"jaeger": "jaegertracing/all-in-one"}.get(name, f"docker.io/library/{name}")


def test_an_unknown_product_has_no_recipe() -> None:
    assert products.find("kafak") is None
    assert products.find("base") is None


def test_kafkas_topics_are_made_and_checked() -> None:
    for kind in product_of("kafka").variants:
        variant = expand("kafka", kind, topics={"b": Topic(6), "a": Topic(1, {"retention.ms": "1000"})})
        assert isinstance(variant.check, KafkaCheck)
        assert variant.check.topics == ("a", "b")
        (file,) = [f for f in variant.files if f.live]
        assert variant.argv[variant.argv.index("--topics") + 1] == file.path
        assert json.loads(file.content)["b"] == {"partitions": 6, "config": {}}


@pytest.mark.parametrize("kind", ["native", "embedded"])
def test_a_new_topic_is_no_other_definition_but_made_on_the_broker_that_runs(kind: str) -> None:
    before, after = (expand("kafka", kind, topics=dict.fromkeys(names, Topic())) for names in ("a", "ab"))
    assert digest(Service("kafka", (before,)), before) == digest(Service("kafka", (after,)), after)
    assert "devctl.products.kafka.topics" in after.on_change


@pytest.mark.parametrize(
    "settings",
    [{"topics": {"a b": Topic()}}, {"topics": {"..": Topic()}}, {"topics": {"a": Topic(0)}}, {"heap": "lots"}],
)
def test_what_kafka_would_refuse_is_refused_before_it_starts(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"topics|heap"):
        expand("kafka", "native", **settings)


def test_consuls_ports_are_numbers_and_scripts_are_off() -> None:
    (file,) = expand("consul", "native", config={"datacenter": "here"}).files
    numbers = {f"services.consul.{port}.port": str(n) for n, port in enumerate(("http", "rpc", "serf"), 1)}
    config = json.loads(substitute(file.content, numbers))
    assert (config["ports"]["http"], config["ports"]["server"], config["ports"]["serf_lan"]) == (1, 2, 3)
    assert config["client_addr"] == config["bind_addr"] == "127.0.0.1"
    assert (config["enable_script_checks"], config["disable_update_check"], config["datacenter"]) == (
        False,
        True,
        "here",
    )


def prometheus_files(files: dict[str, str], *, telemetry: bool = True, **settings: Any) -> dict[str, str]:
    product = product_of("prometheus")
    where = context("prometheus", files, telemetry=telemetry)
    variant = product.variants["native"].expand(product.settings(**settings), where)
    return {Path(file.path).name: file.content for file in variant.files}


def test_prometheus_finds_all_instances_of_every_service_with_metrics() -> None:
    variables = {
        "services.order.http.all": "127.0.0.1:1,127.0.0.1:2",
        "services.worker.http.all": "127.0.0.1:3",
        "services.prometheus.http.all": "127.0.0.1:4",
        "services.hub.otlp.all": "127.0.0.1:5",
        "services.queue.stats.all": "127.0.0.1:6",
        "services.relay.http.all": "",
        **{f"services.{name}.variant": "process" for name in (*OTHERS, "hub", "relay")},
    }
    groups = yaml.safe_load(substitute(prometheus_files({})["targets.yml"], variables))
    targets = {(group["labels"]["service"], group["labels"]["__metrics_path__"]): group["targets"] for group in groups}
    assert targets == {
        ("order", "/metrics"): ["127.0.0.1:1", "127.0.0.1:2"],
        ("worker", "/m?format=text"): ["127.0.0.1:3"],
        ("prometheus", "/metrics"): ["127.0.0.1:4"],
        ("queue", "/m"): ["127.0.0.1:6"],
        ("hub", "/metrics"): ["127.0.0.1:5"],
        ("hub", "/metrics/otlp"): ["127.0.0.1:5"],
        ("relay", "/metrics"): [],
    }
    assert "hub" not in prometheus_files({}, telemetry=False)["targets.yml"]


def test_prometheus_keeps_what_the_user_configured_and_takes_the_rules_along() -> None:
    project = {
        "conf/prometheus.yml": "global: {scrape_interval: 1s}\nrule_files: [rules/*.yml]\n"
        "scrape_configs: [{job_name: mine, static_configs: [{targets: ['127.0.0.1:1']}]}]\n",
        "conf/rules/a.yml": "groups: []",
        "conf/tests/a.yml": "tests: []",
    }
    files = prometheus_files(project, config="conf/prometheus.yml")
    config = yaml.safe_load(files["prometheus.yml"])
    assert config["global"] == {"scrape_interval": "1s", "scrape_timeout": "4s", "evaluation_interval": "5s"}
    assert [job["job_name"] for job in config["scrape_configs"]] == ["mine", "services", "otlp"]
    assert (files["a.yml"], len(files)) == ("groups: []", 3)


@pytest.mark.parametrize("text", ["- a list", "a: [", "just text"])
def test_a_configuration_that_is_no_mapping_is_said_in_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"p\.yml is not"):
        prometheus_files({"p.yml": text}, config="p.yml")


def test_grafana_has_no_default_password_and_calls_nobody() -> None:
    environment = expand("grafana", "native").environment
    assert environment["GF_SECURITY_ADMIN_PASSWORD"].startswith("$__file{")
    assert environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert environment["GF_ANALYTICS_REPORTING_ENABLED"] == environment["GF_ANALYTICS_CHECK_FOR_UPDATES"] == "false"
    assert list(placeholders(environment["JAEGER_URL"])) == ["services.traces.page"]


def test_a_database_with_a_hostile_name_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be a name"):
        expand("postgres", "native", databases=("shop; DROP TABLE orders",))


def test_every_listener_of_jaeger_2_has_a_port_of_its_own() -> None:
    variant = expand("jaeger", "native")
    config = json.loads(variant.files[0].content.replace("\0", "@"))
    endpoints = [
        config["extensions"]["jaeger_query"]["http"]["endpoint"],
        config["extensions"]["jaeger_query"]["grpc"]["endpoint"],
        config["extensions"]["healthcheckv2"]["http"]["endpoint"],
        *(protocol["endpoint"] for protocol in config["receivers"]["otlp"]["protocols"].values()),
    ]
    assert len(set(endpoints)) == 5
    assert config["service"]["telemetry"]["metrics"]["level"] == "none"


def test_nobody_need_log_in_to_explore_and_the_boards_stay_as_they_are_provisioned() -> None:
    made = expand("grafana", "native", dashboards="dashboards")
    assert made.environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert made.environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Editor"

    beside = (Path(__file__).parents[3] / "stack" / "grafana" / "dashboards" / "boards.yaml").read_text()
    ours = next(file.content for file in made.files if "/dashboards/" in file.path)
    for text in (beside, ours):
        (provider,) = yaml.safe_load(text)["providers"]
        assert (provider["disableDeletion"], provider["allowUiUpdates"]) == (True, False)


def test_grafanas_sources_stand_on_what_the_recipe_tells_it() -> None:
    folder = Path(__file__).parents[3] / "stack" / "grafana"
    text = "".join(file.read_text() for file in folder.rglob("*.yaml"))
    sources = yaml.safe_load((folder / "datasources" / "sources.yaml").read_text())["datasources"]
    assert [source["uid"] for source in sources] == ["prometheus", "jaeger"]
    assert sources[0]["jsonData"]["exemplarTraceIdDestinations"] == [{"name": "trace_id", "datasourceUid": "jaeger"}]
    variables = set(re.findall(r"(?<!\$)\$([A-Z_]+)", text))
    assert variables == {"PROMETHEUS_URL", "JAEGER_URL", "DASHBOARDS_FOLDER"}
    assert variables <= set(expand("grafana", "native").environment)
    for made in (expand("grafana", "native", dashboards="dashboards"), expand("grafana", "native")):
        assert all(isinstance(yaml.safe_load(file.content), dict) for file in made.files)


def test_rabbitmq_listens_on_loopback_and_is_asked_by_its_own_diagnostics() -> None:
    variant = expand("rabbitmq", "native", plugins=("rabbitmq_shovel",), config={"heartbeat": "10"})
    files = {Path(file.path).name: file.content for file in variant.files}
    assert files["enabled_plugins"] == "[rabbitmq_management,rabbitmq_prometheus,rabbitmq_shovel].\n"
    assert "heartbeat = 10\n" in files["10-stack.conf"]
    assert "default_pass" not in files["10-stack.conf"]
    assert isinstance(variant.check, CommandCheck)
    assert "devctl.products.rabbitmq.check" in variant.check.argv


def test_further_options_of_etcd_go_before_devctls() -> None:
    argv = expand("etcd", "native", config={"quota-backend-bytes": "1000", "log-level": "error"}).argv
    assert "--quota-backend-bytes=1000" in argv
    assert [word for word in argv if word.startswith("--log-level")] == ["--log-level=error"]
