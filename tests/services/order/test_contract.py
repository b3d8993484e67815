"""The contract of `POST /orders`, through the gateway, and what a user may do with an order."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from services.common.events.in_process import InProcessBroker
from services.order.tables import idempotency_keys
from tests.services.harness import Member, TestShop
from tests.waiting import eventually_async

pytestmark = pytest.mark.asyncio(loop_scope="session")
NO_STOCK, BROKEN = {"error": "Insufficient stock"}, {"error": "Order creation error"}


@pytest_asyncio.fixture(loop_scope="session")
async def member(shop: TestShop) -> AsyncIterator[Member]:
    """Return a fresh user."""
    yield await shop.member()


def of(product_id: str, quantity: Any = 1, **more: Any) -> dict[str, Any]:
    """Write the body of an order."""
    return {"items": [{"productId": product_id, "quantity": quantity}], **more}


async def available(shop: TestShop, product_id: str) -> int:
    """Say how many units can be ordered."""
    return int((await shop.client().get(f"/api/v1/products/{product_id}")).json()["available"])


@pytest.mark.parametrize("path", ["/orders", "/api/v1/orders"])
async def test_both_paths_answer_the_order(shop: TestShop, member: Member, path: str) -> None:
    answer = await member.post(path, of("tea-kettle", 2, userId=member.id))
    assert answer.status_code == 201
    order = answer.json()
    assert order["userId"] == member.id
    assert order["total"] == {"amount": 2 * 3990, "currency": "EUR"}
    assert (await member.get(f"/api/v1/orders/{order['id']}")).json()["id"] == order["id"]


async def test_too_little_stock_and_unknown_products_are_the_contracts_400(shop: TestShop, member: Member) -> None:
    before = await available(shop, "vintage-typewriter")
    for body in (of("vintage-typewriter", 6), of("unicorn"), {"items": of("moka-pot")["items"] + of("x")["items"]}):
        answer = await member.post("/orders", body)
        assert (answer.status_code, answer.json()) == (400, NO_STOCK)
    assert await available(shop, "vintage-typewriter") == before


async def test_two_lines_of_one_product_are_added_up_before_the_check(shop: TestShop, member: Member) -> None:
    both = {"items": of("vintage-typewriter", 3)["items"] * 2}
    answer = await member.post("/orders", both)
    assert (answer.status_code, answer.json()) == (400, NO_STOCK)
    order = (await member.post("/orders", {"items": of("moka-pot", 1)["items"] * 3})).json()
    assert [(item["productId"], item["quantity"]) for item in order["items"]] == [("moka-pot", 3)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": []},
        {"items": None},
        of("moka-pot", 0),
        of("moka-pot", -1),
        of("moka-pot", 1001),
        of("moka-pot", 1.5),
        of("moka-pot", True),
        of("moka-pot", "2"),
        of("moka-pot", 1, total=0),
        of("moka-pot", 1, paymentMethod="x" * 200),
        {"items": of("moka-pot", 600)["items"] * 2},
        {"items": [{"productId": 7, "quantity": 1}]},
        [],
    ],
)
async def test_malformed_input_is_422(member: Member, body: Any) -> None:
    answer = await member.post("/orders", body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"]


async def test_who_orders_is_the_one_who_shows_the_token(shop: TestShop, member: Member) -> None:
    other = await shop.member()
    assert (await member.post("/orders", of("moka-pot", userId=other.id))).status_code == 403
    assert (await shop.client().post("/orders", json=of("moka-pot"))).status_code == 401


async def test_what_is_not_json_is_400_and_another_type_415(member: Member) -> None:
    post = member.client.post
    assert (await post("/orders", content="{", headers={"content-type": "application/json"})).status_code == 400
    assert (await post("/orders", content="a=b", headers={"content-type": "text/plain"})).status_code == 415


async def test_one_key_makes_one_order_over_both_paths(shop: TestShop, member: Member) -> None:
    key = {"Idempotency-Key": "once"}
    answers = [await member.post(path, of("moka-pot", 2), headers=key) for path in ("/orders", "/api/v1/orders")]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len((await member.get("/api/v1/orders")).json()["items"]) == 1
    assert (await member.post("/orders", of("moka-pot", 3), headers=key)).status_code == 422
    other = await shop.member()
    assert (await other.post("/orders", of("moka-pot", 3), headers=key)).status_code == 201


async def test_of_many_requests_with_one_key_at_once_one_order_comes(member: Member) -> None:
    key = {"Idempotency-Key": "storm"}
    answers = await asyncio.gather(*(member.post("/orders", of("moka-pot"), headers=key) for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len((await member.get("/api/v1/orders")).json()["items"]) == 1


@pytest.mark.parametrize("key", ["x" * 300, "with space", "né"])
async def test_a_key_that_is_none_is_422(member: Member, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode())]
    assert (await member.client.post("/orders", json=of("moka-pot"), headers=headers)).status_code == 422


async def test_without_catalog_an_order_is_the_contracts_500_and_frees_its_key(shop: TestShop, member: Member) -> None:
    key = {"Idempotency-Key": "again"}
    with shop.away("catalog"):
        answer = await member.post("/orders", of("moka-pot"), headers=key)
        assert (answer.status_code, answer.json()) == (500, BROKEN)
        assert (await member.get("/api/v1/orders")).json()["items"] == []
    assert (await member.post("/orders", of("moka-pot", 2), headers=key)).status_code == 201  # whatever the body


async def test_while_the_first_request_under_a_key_is_being_answered_a_second_is_409_and_another_body_422(
    shop: TestShop, member: Member
) -> None:
    key, catalog = {"Idempotency-Key": "in-flight"}, shop.client("catalog")
    await member.client.put("/api/v1/cart/items/moka-pot", json={"quantity": 1})
    await catalog.put("/faults", json=[{"kind": "latency", "route": "POST /inventory/*", "milliseconds": 1500}])
    try:
        first = asyncio.create_task(member.post("/orders", of("moka-pot"), headers=key))

        async def is_claimed() -> bool:
            async with shop.shop.runtimes["order"].database.reading() as connection:
                query = select(idempotency_keys.c.key).where(
                    idempotency_keys.c.user_id == member.id, idempotency_keys.c.key == "in-flight"
                )
                return (await connection.scalar(query)) is not None

        await eventually_async(is_claimed, within=10, what="the key is in use")
        assert (await member.post("/orders", of("moka-pot", 2), headers=key)).status_code == 422
        for path, body in (("/orders", of("moka-pot")), ("/api/v1/orders", of("moka-pot"))):
            answer = await member.post(path, body, headers=key)
            assert (answer.status_code, answer.json()["error"]) == (409, "in_flight")
        assert (await member.post("/api/v1/cart/checkout", headers=key)).status_code == 409
        assert (await first).status_code == 201
    finally:
        await catalog.delete("/faults")
    assert (await member.post("/orders", of("moka-pot"), headers=key)).json() == (await first).json()
    assert (await member.post("/api/v1/cart/checkout", headers=key)).json() == (await first).json()
    assert len((await member.get("/api/v1/orders")).json()["items"]) == 1


async def test_a_catalog_that_hangs_is_the_contracts_500_in_time_and_holds_no_stock(
    shop: TestShop, member: Member
) -> None:
    before = await available(shop, "candle-set")
    faults = [{"kind": "latency", "route": "PUT /inventory/*", "milliseconds": 8000}]
    catalog = shop.client("catalog")
    await catalog.put("/faults", json=faults)
    try:
        async with asyncio.timeout(5):
            answer = await member.post("/orders", of("candle-set"))
        assert (answer.status_code, answer.json()) == (500, BROKEN)
    finally:
        await catalog.delete("/faults")
        shop.heal()

    async def is_back() -> bool:
        return await available(shop, "candle-set") == before

    await eventually_async(is_back, within=10)


async def test_the_event_says_what_the_contract_says(shop: TestShop, member: Member) -> None:
    broker: InProcessBroker = shop.shop.broker
    broker.keeps_log = True
    order = (await member.post("/orders", of("moka-pot", 2, paymentMethod="tok_visa"))).json()

    async def published() -> Any:
        return [payment for payment in broker.log["shop.order.v1"] if payment.key == order["id"]]

    created = (await eventually_async(published))[0]
    assert created.headers["ce_type"] == "order.created"
    assert created.headers["ce_dataschema"] == "/schemas/order.created.v1.json"
    import json

    data = json.loads(created.value)
    assert {name: data[name] for name in ("orderId", "amount", "userId", "currency")} == {
        "orderId": order["id"],
        "amount": 5980,
        "userId": member.id,
        "currency": "EUR",
    }


@pytest.mark.parametrize(("method", "status"), [("tok_declined", "rejected"), ("tok_error", "rejected")])
async def test_an_order_that_cannot_be_paid_is_rejected_and_its_stock_is_back(
    shop: TestShop, member: Member, method: str, status: str
) -> None:
    before = await available(shop, "door-mat")
    order = (await member.post("/orders", of("door-mat", 4, paymentMethod=method))).json()
    assert await available(shop, "door-mat") == before - 4
    assert (await shop.settled(member, order["id"]))["status"] == status

    async def is_back() -> bool:
        return await available(shop, "door-mat") == before

    await eventually_async(is_back)
    (charge,) = (await member.get(f"/api/v1/payments?orderId={order['id']}")).json()["items"]
    assert charge["status"] in ("declined", "failed")


async def test_a_confirmed_order_that_is_cancelled_is_refunded_and_its_stock_is_back(
    shop: TestShop, member: Member
) -> None:
    before = await available(shop, "bath-towel")
    order = (await member.post("/orders", of("bath-towel", 3))).json()
    await shop.settled(member, order["id"])
    cancelled = await member.post(f"/api/v1/orders/{order['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "refunded")
    payments = (await member.get(f"/api/v1/payments?orderId={order['id']}")).json()["items"]
    assert [(payment["type"], payment["status"], payment["amount"]) for payment in payments] == [
        ("charge", "captured", 3 * 2490),
        ("refund", "succeeded", 3 * 2490),
    ]

    async def is_back() -> bool:
        return await available(shop, "bath-towel") == before

    await eventually_async(is_back)
    timeline = (await member.get(f"/api/v1/orders/{order['id']}/timeline")).json()["items"]
    assert [entry["status"] for entry in timeline][:4] == ["pending", "awaiting_payment", "paid", "confirmed"]
    assert (await member.post(f"/api/v1/orders/{order['id']}/cancel")).json()["status"] == "refunded"


async def test_orders_wait_for_payment_and_one_cancelled_meanwhile_costs_nothing(
    shop: TestShop, member: Member
) -> None:
    with shop.away("payment"):
        kept = (await member.post("/orders", of("moka-pot"))).json()
        dropped = (await member.post("/orders", of("moka-pot"))).json()
        cancelling = (await member.post(f"/api/v1/orders/{dropped['id']}/cancel")).json()
        assert (cancelling["status"], cancelling["cancelRequested"]) == ("awaiting_payment", True)
    assert (await shop.settled(member, kept["id"], within=20))["status"] == "confirmed"
    # Payment reads one event after the other: it may have charged the order before it reads of the cancellation.
    assert (await shop.settled(member, dropped["id"], within=20))["status"] in ("cancelled", "refunded")
    payments = (await member.get(f"/api/v1/payments?orderId={dropped['id']}")).json()["items"]
    assert [payment["status"] for payment in payments] in (["failed"], ["captured", "succeeded"])


async def test_an_order_that_is_cancelled_before_its_charge_is_never_charged(shop: TestShop, member: Member) -> None:
    order = (await member.post("/orders", of("moka-pot", paymentMethod="tok_slow"))).json()
    await member.post(f"/api/v1/orders/{order['id']}/cancel")
    assert (await shop.settled(member, order["id"]))["status"] == "cancelled"
    (charge,) = (await member.get(f"/api/v1/payments?orderId={order['id']}")).json()["items"]
    assert (charge["status"], charge["reason"]) == ("failed", "cancelled")


async def test_an_order_costs_what_it_cost_when_it_was_placed(shop: TestShop, member: Member) -> None:
    admin = await shop.member(is_admin=True)
    before = (await shop.client().get("/api/v1/products/picture-frame")).json()["price"]["amount"]
    order = (await member.post("/orders", of("picture-frame", 2, paymentMethod="tok_slow"))).json()
    await admin.client.put("/api/v1/products/picture-frame/price", json={"amount": before + 500})
    assert (await shop.settled(member, order["id"]))["total"]["amount"] == 2 * before
    (charge,) = (await member.get(f"/api/v1/payments?orderId={order['id']}")).json()["items"]
    assert (charge["status"], charge["amount"]) == ("captured", 2 * before)


async def test_only_an_administrator_ships_and_what_is_shipped_stays(shop: TestShop, member: Member) -> None:
    order = (await member.post("/orders", of("moka-pot"))).json()
    await shop.settled(member, order["id"])
    assert (await member.post(f"/api/v1/orders/{order['id']}/ship")).status_code == 403
    admin = await shop.member(is_admin=True)
    assert (await admin.post(f"/api/v1/orders/{order['id']}/ship")).json()["status"] == "shipped"
    assert (await member.post(f"/api/v1/orders/{order['id']}/cancel")).status_code == 409


async def test_somebody_elses_order_looks_like_none(shop: TestShop, member: Member) -> None:
    order = (await member.post("/orders", of("moka-pot"))).json()
    other = await shop.member()
    for method, path in (("GET", ""), ("GET", "/timeline"), ("POST", "/cancel")):
        answer = await other.client.request(method, f"/api/v1/orders/{order['id']}{path}")
        assert answer.status_code == 404
    assert (await other.get("/api/v1/orders")).json()["items"] == []
    assert (await other.get(f"/api/v1/payments?orderId={order['id']}")).json()["items"] == []
