"""Services that call others, against the documents of those others: what they send and what they can read."""

import functools
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from services.cart import adapters as cart
from services.cart.ports import Checkout
from services.cart.ports import UpstreamUnavailable as CartUnavailable
from services.common.http.client import Peers
from services.common.runtime.settings import Environment, Settings
from services.common.service import Runtime
from services.order import peers as order
from services.order.domain import RequestedItem
from services.order.ports import UpstreamUnavailable as OrderUnavailable

OPENAPI = Path(__file__).parents[2] / "services" / "contracts" / "openapi"
ITEMS = [RequestedItem("moka-pot", 2), RequestedItem("bath-towel", 1)]
CHECKOUT = Checkout("user-1", "key-1", True, "cart-1", 3, (("moka-pot", 2),), "tok_visa", datetime.now(UTC))

# Every call of one service to another.
CALLS: dict[str, Callable[[Peers], Awaitable[object]]] = {
    "order checks stock": lambda peers: order.HttpCatalog(peers).check(ITEMS),
    "order reserves stock": lambda peers: order.HttpCatalog(peers).reserve("order-1", ITEMS),
    "order confirms a reservation": lambda peers: order.HttpCatalog(peers).confirm("order-1"),
    "order releases a reservation": lambda peers: order.HttpCatalog(peers).release("order-1"),
    "order looks for a charge": lambda peers: order.HttpPayments(peers).charge("order-1"),
    "cart looks for a product": lambda peers: cart.HttpCatalog(peers).product("moka-pot"),
    "cart places an order": lambda peers: cart.HttpOrders(peers).place_order(CHECKOUT, "a.good.token"),
}


@functools.cache
def document(service: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((OPENAPI / f"{service}.json").read_text())
    return parsed


class Provider(httpx.AsyncBaseTransport):
    """Stands for every service, and knows no more of it than its document says."""

    def __init__(self) -> None:
        self.status = "503"
        self.documented: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check a request against the document of its host, and answer with the least that this allows."""
        service = request.url.host
        operation, values = _operation(service, request)
        self.documented = set(operation["responses"])
        _check_parameters(operation, values, request)
        if documented_body := operation.get("requestBody"):
            _validate(service, documented_body["content"]["application/json"]["schema"], json.loads(request.content))
        else:
            assert not request.content
        return self._answer(service, operation)

    def _answer(self, service: str, operation: dict[str, Any]) -> httpx.Response:
        ((kind, part),) = list(operation["responses"][self.status].get("content", {"": {}}).items())[:1]
        body = _least(service, part["schema"]) if part else None
        return httpx.Response(int(self.status), json=body, headers={"content-type": kind} if kind else {})


def _operation(service: str, request: httpx.Request) -> tuple[dict[str, Any], dict[str, str]]:
    for template, item in document(service)["paths"].items():
        match = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template), request.url.path)
        if match and request.method.lower() in item:
            return item[request.method.lower()], match.groupdict()
    raise AssertionError(f"the document of {service} has no {request.method} {request.url.path}")


def _check_parameters(operation: dict[str, Any], values: dict[str, str], request: httpx.Request) -> None:
    if operation.get("security"):
        assert request.headers["authorization"].startswith("Bearer ")
    for parameter in operation.get("parameters", ()):
        places = {"path": values, "query": request.url.params, "header": request.headers, "cookie": {}}
        value = places[parameter["in"]].get(parameter["name"])
        assert value is not None or not parameter.get("required")
        if value is not None:
            jsonschema_rs.validate(parameter["schema"], value)


def _validate(service: str, schema: dict[str, Any], value: object) -> None:
    jsonschema_rs.validate({**schema, "components": document(service)["components"]}, value)


def _least(service: str, schema: dict[str, Any]) -> Any:
    """Make the least that a schema allows: required fields alone, and null where it may be."""
    if "$ref" in schema:
        return _least(service, document(service)["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        kinds = schema["anyOf"]
        return None if {"type": "null"} in kinds else _least(service, kinds[0])
    if "enum" in schema or "const" in schema:
        return schema["enum"][0] if "enum" in schema else schema["const"]
    match schema["type"]:
        case "object":
            return {name: _least(service, schema["properties"][name]) for name in schema.get("required", ())}
        case "array":
            return [_least(service, schema["items"])]
        case "integer":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return "EUR" if "pattern" in schema else "some text"


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def peers(provider: Provider, tmp_path: Path) -> Peers:
    urls = {f"{name.upper()}_SERVICE_URL": f"http://{name}" for name in ("catalog", "payment", "order")}
    env = Environment({"DATA_DIR": str(tmp_path / "data"), "SHOP_SECRETS": str(tmp_path / "secrets"), **urls})
    service = import_module("services.cart.app").SERVICE
    return Runtime(service, Settings.read("cart", env), transport=provider).peers


async def _ask(call: Callable[[Peers], Awaitable[object]], peers: Peers) -> bool:
    """Say whether the caller could make something of the answer; what is not as agreed would be another error."""
    peers.heal()
    try:
        await call(peers)
    except (OrderUnavailable, CartUnavailable):
        return False
    return True


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_is_as_its_provider_documents_it_and_every_answer_is_understood(
    name: str, provider: Provider, peers: Peers
) -> None:
    await _ask(CALLS[name], peers)
    understood = set()
    for status in sorted(provider.documented):
        provider.status = status
        if await _ask(CALLS[name], peers):
            understood.add(status)
    assert {status for status in provider.documented if status < "300"} <= understood
    assert "503" not in understood
