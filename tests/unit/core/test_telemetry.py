"""Where a service sends its telemetry: to the hub, unless its own environment says something else."""

import pytest

from devctl.core.telemetry import pairs, variables

HTTP, GRPC = "http://127.0.0.1:4318", "http://127.0.0.1:4317"
DEFAULTS = {"service.name": "web", "service.instance.id": "web.1", "devctl.run": "r1"}


def added(**theirs: str) -> dict[str, str]:
    return variables(theirs, DEFAULTS, HTTP, GRPC)


def test_attributes_of_the_manifest_stand_beside_those_of_devctl_and_win() -> None:
    text = added(OTEL_RESOURCE_ATTRIBUTES="team=checkout,service.instance.id=mine")["OTEL_RESOURCE_ATTRIBUTES"]
    assert pairs(text) == {"service.instance.id": "mine", "devctl.run": "r1", "team": "checkout"}


@pytest.mark.parametrize(
    ("theirs", "name"),
    [
        ({}, "web"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop-web"}, "shop-web"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=x", "OTEL_SERVICE_NAME": "named"}, "named"),
    ],
)
def test_a_name_that_the_manifest_gives_is_kept(theirs: dict[str, str], name: str) -> None:
    assert added(**theirs)["OTEL_SERVICE_NAME"] == name


@pytest.mark.parametrize("text", ["", ",", "nothing", "=x", " a = 1 ,b=2=3,"])
def test_odd_attributes_cost_no_other(text: str) -> None:
    attributes = pairs(added(OTEL_RESOURCE_ATTRIBUTES=text)["OTEL_RESOURCE_ATTRIBUTES"])
    assert attributes["devctl.run"] == "r1"
    assert attributes.get("b", "2=3") == "2=3"


@pytest.mark.parametrize(
    ("theirs", "endpoint", "protocol"),
    [
        ({}, HTTP, "http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, HTTP, "http/json"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, GRPC, "grpc"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": GRPC}, GRPC, "grpc"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://mine:1"}, "http://mine:1", "http/protobuf"),
    ],
)
def test_who_speaks_grpc_is_sent_to_the_port_for_it(theirs: dict[str, str], endpoint: str, protocol: str) -> None:
    told = added(**theirs)
    assert (told["OTEL_EXPORTER_OTLP_ENDPOINT"], told["OTEL_EXPORTER_OTLP_PROTOCOL"]) == (endpoint, protocol)


def test_a_signal_with_a_protocol_of_its_own_has_an_endpoint_of_its_own() -> None:
    assert added(OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="grpc")["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == GRPC
    mixed = added(OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_LOGS_PROTOCOL="http/protobuf")
    assert mixed["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] == f"{HTTP}/v1/logs"
    same = added(OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf")
    assert "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" not in same
