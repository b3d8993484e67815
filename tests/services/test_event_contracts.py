"""The events as they are published, and as they are read, against their schemas."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import pytest_asyncio
import yaml

from services.common.events.event import Message
from services.common.runtime.settings import Environment, Settings
from services.common.service import Service
from tests.services.harness import TestShop, running_shop
from tests.waiting import eventually_async

CONTRACTS = Path(__file__).parents[2] / "services" / "contracts"
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (CONTRACTS / "events").glob("*.json")}
ASYNCAPI: dict[str, Any] = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text())
SERVICES = ("catalog", "cart", "order", "payment", "user", "notification")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def published(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, list[Message]]]:
    """Let everything happen that makes an event, and return the messages by type."""
    async with running_shop(tmp_path_factory.mktemp("events")) as shop:
        shop.shop.broker.keeps_log = True
        await _live(shop)
        by_type: dict[str, list[Message]] = {}
        for message in [sent for messages in shop.shop.broker.log.values() for sent in messages]:
            by_type.setdefault(message.headers["ce_type"], []).append(message)
        yield by_type


async def _live(shop: TestShop) -> None:
    admin, member = await shop.member(is_admin=True), await shop.member()
    assert (await admin.post("/api/v1/products/moka-pot/stock", {"quantity": 5})).status_code == 200
    assert (await admin.client.put("/api/v1/products/moka-pot/price", json={"amount": 3100})).status_code == 200

    async def order(method: str | None = None) -> str:
        body = {"items": [{"productId": "moka-pot", "quantity": 1}]} | ({"paymentMethod": method} if method else {})
        return str((await member.post("/orders", body)).json()["id"])

    shipped, refunded, rejected = await order(), await order("tok_visa"), await order("tok_declined")
    for order_id in (shipped, refunded, rejected):
        await shop.settled(member, order_id)
    await admin.post(f"/api/v1/orders/{shipped}/ship")
    await member.post(f"/api/v1/orders/{refunded}/cancel")
    cancelled = await order("tok_slow")
    await member.post(f"/api/v1/orders/{cancelled}/cancel")
    await shop.settled(member, cancelled, within=20)
    wrong = {"email": member.email, "password": "wrong password"}
    await asyncio.gather(*(shop.client().post("/api/v1/sessions", json=wrong) for _ in range(6)))
    await shop.member()
    leaving = await shop.member()
    assert (await leaving.client.request("DELETE", "/api/v1/users/me")).status_code in (200, 204)

    async def all_told() -> bool:
        published = {message.headers["ce_type"] for messages in shop.shop.broker.log.values() for message in messages}
        return published >= {schema.rpartition(".v")[0] for schema in SCHEMAS} - {"user.locked"}

    await eventually_async(all_told, within=15, what="every type of event is published")


@pytest.mark.parametrize("name", sorted(SCHEMAS))
@pytest.mark.asyncio(loop_scope="session")
async def test_every_event_is_told_as_its_schema_says(name: str, published: dict[str, list[Message]]) -> None:
    event_type = name.rpartition(".v")[0]
    validator = jsonschema_rs.validator_for(SCHEMAS[name])
    assert published.get(event_type) or event_type == "user.locked"
    for message in published.get(event_type, []):
        validator.validate(json.loads(message.value))
        assert message.headers["ce_dataschema"] == f"/schemas/{name}.json"
        assert message.key in json.loads(message.value).values()


@pytest.mark.asyncio(loop_scope="session")
async def test_no_event_is_told_that_has_no_schema(published: dict[str, list[Message]]) -> None:
    assert set(published) <= {schema.rpartition(".v")[0] for schema in SCHEMAS}


def _examples(schema: dict[str, Any]) -> dict[str, Any]:
    """Make the smallest and plainest data that a schema allows: its required fields alone."""
    return {name: _example(schema["properties"][name]) for name in schema["required"]}


def _example(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "integer":
            return 100
        case "array":
            return [_examples(schema["items"])]
        case _:
            return "EUR" if "pattern" in schema else "some-id"


def _read_by(service: str) -> set[str]:
    """Name the events that the AsyncAPI document says a service reads."""
    read = [operation for name, operation in ASYNCAPI["operations"].items() if name.startswith(f"{service}Receives")]
    references = [reference["$ref"].rpartition("/")[2] for operation in read for reference in operation["messages"]]
    return {ASYNCAPI["components"]["messages"][name]["name"] for name in references}


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_reads_what_the_document_says_from_the_least_that_a_schema_allows(
    name: str, tmp_path: Path
) -> None:
    from services.common.events.event import Event
    from services.common.service import Runtime

    service: Service = import_module(f"services.{name}.app").SERVICE
    env = Environment({"DATA_DIR": str(tmp_path / name), "SHOP_SECRETS": str(tmp_path / "secrets")})
    runtime = Runtime(service, Settings.read(name, env))
    service.build(runtime)
    await runtime.database.migrate()
    handlers = {kind: handle for consumer in runtime._consumers for kind, handle in consumer._handlers.items()}
    assert set(handlers) == _read_by(name)
    for event_type, handle in handlers.items():
        data = _examples(SCHEMAS[f"{event_type}.v1"]) | {"aFieldOfTomorrow": {"x": [1]}}
        async with runtime.database.transaction() as connection:
            await handle(Event(event_type, "some.topic", "some-id", data), connection)
    await runtime.stop()


def test_an_event_belongs_to_one_topic_and_its_schema_is_one() -> None:
    for operation in ASYNCAPI["operations"].values():
        channel = operation["channel"]["$ref"].rpartition("/")[2]
        for reference in operation["messages"]:
            assert reference["$ref"].startswith(f"#/channels/{channel}/messages/")
            name = reference["$ref"].rpartition("/")[2]
            target = ASYNCAPI["channels"][channel]["messages"][name]["$ref"]
            assert target == f"#/components/messages/{name}"
    for schema in SCHEMAS.values():
        jsonschema_rs.meta.validate(schema)


def test_the_document_names_every_schema_and_no_other() -> None:
    messages = ASYNCAPI["components"]["messages"].values()
    assert {message["payload"]["$ref"] for message in messages} == {f"./events/{name}.json" for name in SCHEMAS}
    sent = {
        reference["$ref"].rpartition("/")[2]
        for name, operation in ASYNCAPI["operations"].items()
        if operation["action"] == "send"
        for reference in operation["messages"]
    }
    assert sent == set(ASYNCAPI["components"]["messages"])
