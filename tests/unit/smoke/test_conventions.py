"""Spans are held to the semantic conventions by what they say of themselves."""

from typing import Any, cast

import pytest

from devctl.record.spans import Span
from devctl.smoke.conventions import CLIENT, CONSUMER, PRODUCER, SERVER, faults
from tests.unit.smoke.test_contract import FakeSpan

HTTP: dict[str, Any] = {
    "http.request.method": "GET", "http.route": "/a", "url.path": "/a", "url.scheme": "http",
    "http.response.status_code": 200,
}  # fmt: skip
CALL: dict[str, Any] = {
    "http.request.method": "GET", "server.address": "a", "server.port": 1, "url.full": "http://a:1/",
    "http.response.status_code": 200,
}  # fmt: skip
EVENT: dict[str, Any] = {
    "messaging.system": "kafka", "messaging.operation.name": "send", "messaging.destination.name": "orders"
}  # fmt: skip


def found_in(kind: int, attributes: dict[str, Any], name: str = "GET /a") -> list[str]:
    return sorted(faults(cast("Span", FakeSpan("order", name, kind=kind, attributes=attributes))))


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        (SERVER, HTTP),
        (CLIENT, CALL),
        (PRODUCER, EVENT),
        (CONSUMER, EVENT),
        (CLIENT, {"db.system.name": "sqlite"}),
        (1, {}),
    ],
)
def test_a_span_that_has_all_that_is_required_is_right(kind: int, attributes: dict[str, Any]) -> None:
    assert found_in(kind, attributes) == []


@pytest.mark.parametrize(("kind", "attributes"), [(SERVER, HTTP), (CLIENT, CALL), (PRODUCER, EVENT)])
def test_each_required_attribute_is_missed(kind: int, attributes: dict[str, Any]) -> None:
    for name in set(attributes) - {"http.route", "http.response.status_code", "messaging.system"}:
        assert f"{name} is missing" in found_in(kind, {k: v for k, v in attributes.items() if k != name})


def test_an_attribute_that_is_out_of_date_is_named_with_its_successor_and_not_missed_as_well() -> None:
    old = {k: v for k, v in HTTP.items() if k != "http.request.method"} | {"http.method": "GET"}
    assert found_in(SERVER, old) == ["http.method is called http.request.method now"]


def test_the_span_of_a_request_is_called_by_its_method_and_route() -> None:
    assert found_in(SERVER, HTTP, "GET /a/17") == ["it is called 'GET /a/17' instead of 'GET /a'"]
