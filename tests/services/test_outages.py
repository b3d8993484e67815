"""What stays up when something is away, and what is said about it in time."""

import asyncio

import pytest

from tests.services.harness import TestShop

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONGEST_SECONDS = 5.0


async def test_without_the_catalog_an_order_is_the_contracts_500_and_nothing_is_half_made(shop: TestShop) -> None:
    member, product = await shop.member(), await shop.product()
    body = {"items": [{"productId": product["id"], "quantity": 1}]}
    with shop.away("catalog"):
        for _ in range(12):
            answer = await member.post("/orders", body)
            assert (answer.status_code, answer.json()) == (500, {"error": "Order creation error"})
        assert (await member.get("/api/v1/orders")).json()["items"] == []
        away = await member.get("/api/v1/products")
        assert away.status_code == 503
        assert int(away.headers["retry-after"]) >= 1
        assert (await member.get("/api/v1/users/me")).status_code == 200
    assert (await member.get("/api/v1/payments")).json()["items"] == []
    assert (await member.post("/orders", body)).status_code == 201


async def test_a_catalog_that_hangs_is_the_contracts_500_within_five_seconds(shop: TestShop) -> None:
    member, product = await shop.member(), await shop.product()
    catalog = shop.inside("catalog")
    slow = {"kind": "latency", "route": "POST /inventory/*", "milliseconds": 20_000}
    assert (await catalog.put("/faults", json=[slow])).status_code == 200
    try:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await member.post("/orders", {"items": [{"productId": product["id"], "quantity": 1}]})
        assert (answer.status_code, answer.json()) == (500, {"error": "Order creation error"})
        assert loop.time() - began < LONGEST_SECONDS
    finally:
        await catalog.delete("/faults")
        shop.heal()


@pytest.mark.parametrize("service", ["payment", "notification"])
async def test_without_payment_or_notification_orders_are_taken_and_wait(shop: TestShop, service: str) -> None:
    member, product = await shop.member(), await shop.product()
    with shop.away(service):
        order = await member.post("/orders", {"items": [{"productId": product["id"], "quantity": 1}]})
        assert order.status_code == 201
        assert (await member.get("/api/v1/products?limit=5")).status_code == 200
        assert (await member.client.put(f"/api/v1/cart/items/{product['id']}", json={"quantity": 1})).status_code == 200
    settled = await shop.settled(member, order.json()["id"], within=20)
    assert settled["status"] == "confirmed"


async def test_without_the_broker_orders_are_taken_and_settled_when_it_is_back(shop: TestShop) -> None:
    member, product = await shop.member(), await shop.product()
    shop.shop.broker.is_open = False
    try:
        order = await member.post("/orders", {"items": [{"productId": product["id"], "quantity": 1}]})
        assert order.status_code == 201
        assert (await shop.client("order").get("/health/ready")).status_code == 200
    finally:
        shop.shop.broker.is_open = True
    assert (await shop.settled(member, order.json()["id"], within=20))["status"] == "confirmed"


async def test_without_the_user_service_tokens_are_still_believed(shop: TestShop) -> None:
    member = await shop.member()
    assert (await member.get("/api/v1/orders")).status_code == 200
    with shop.away("user"):
        assert (await member.get("/api/v1/orders?limit=1")).status_code == 200
        login = await shop.client().post("/api/v1/sessions", json={"email": member.email, "password": "x"})
        assert login.status_code == 503
